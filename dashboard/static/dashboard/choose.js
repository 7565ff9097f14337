"use strict";
/* How many jobs of the list are chosen is said before anything is done with them. */
(() => {
    const form = document.querySelector("[data-choose]");
    const all = form?.querySelector("[data-choose-all]");
    if (!all) {
        return;
    }
    const boxes = () => [...form.querySelectorAll("input[name=job]")];

    function count() {
        const chosen = boxes().filter((box) => box.checked).length;
        form.querySelector("[data-chosen-count]").textContent = chosen || "";
        form.querySelectorAll("button[name=verb]").forEach((button) => {
            button.disabled = chosen === 0;
        });
        all.checked = chosen > 0 && chosen === boxes().length;
        document.querySelector("[data-live-every]").toggleAttribute("data-live-held", chosen > 0);
    }

    all.addEventListener("input", () => {
        boxes().forEach((box) => {
            box.checked = all.checked;
        });
        count();
    });
    form.addEventListener("input", count);
    document.addEventListener("live:fresh", count);
    count();
})();
