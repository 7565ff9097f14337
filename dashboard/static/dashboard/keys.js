"use strict";
/* Keys: `/` to the search, `g` and a letter to a page, `?` to the list of them. None while somebody types, and none
   for whoever has switched them off in the menu: who speaks to their computer says such letters all the time. */
(() => {
    const CHORD_MS = 1500;
    const help = document.getElementById("help"), choice = document.querySelector("[data-keys-set]");
    let goUntil = 0;

    const isTyping = (target) => target.matches("input, select, textarea, [contenteditable]");
    const areOn = () => localStorage.getItem("keys") !== "off";

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || help?.open || !areOn()) {
            return;
        }
        const way = document.querySelector(`nav [data-key="${CSS.escape(event.key)}"]`);
        if (Date.now() < goUntil && way) {
            goUntil = 0;
            way.click();
        } else if (event.key === "g") {
            goUntil = Date.now() + CHORD_MS;
        } else if (event.key === "/") {
            event.preventDefault();
            document.getElementById("search")?.focus();
        } else if (event.key === "?") {
            help?.showModal();
        }
    });
    if (choice) {
        choice.checked = areOn();
        choice.addEventListener("input", () => localStorage.setItem("keys", choice.checked ? "on" : "off"));
    }
    document.querySelectorAll("[data-help]").forEach((button) => {
        button.addEventListener("click", () => help.showModal());
    });
    document.addEventListener("click", (event) => {
        document.querySelectorAll("details.menu[open]").forEach((menu) => {
            if (!menu.contains(event.target)) {
                menu.open = false;
            }
        });
    });
    document.addEventListener("keydown", (event) => {
        const menu = event.key === "Escape" ? document.querySelector("details.menu[open]") : null;
        if (menu) {
            menu.open = false;
            menu.querySelector("summary").focus();
        }
    });
})();
/* What cannot be taken back is asked once more: <button data-confirm="...">. */
document.addEventListener("submit", (event) => {
    const asked = event.submitter?.dataset.confirm;
    if (asked && !window.confirm(asked)) {
        event.preventDefault();
    }
});
