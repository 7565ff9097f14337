"use strict";
/* Keys: `/` to the search, `g` and a letter to a page, `?` to the list of them. None while somebody types. */
(() => {
    const CHORD_MS = 1500;
    const help = document.getElementById("help");
    let goUntil = 0;

    const isTyping = (target) => target.matches("input, select, textarea, [contenteditable]");

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || help?.open) {
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
})();
/* What cannot be taken back is asked once more: <button data-confirm="...">. */
document.addEventListener("submit", (event) => {
    const asked = event.submitter?.dataset.confirm;
    if (asked && !window.confirm(asked)) {
        event.preventDefault();
    }
});
