"use strict";
/* Light, dark or as the system is: kept under the name that the admin uses too. Runs before the first paint. */
(() => {
    const root = document.documentElement;
    const kept = () => localStorage.getItem("theme") || "auto";

    function show() {
        root.dataset.theme = kept();
        document.querySelectorAll("[data-theme-set]").forEach((button) => {
            button.setAttribute("aria-pressed", String(button.dataset.themeSet === kept()));
        });
    }

    show();
    document.addEventListener("DOMContentLoaded", () => {
        show();
        document.querySelectorAll("[data-theme-set]").forEach((button) => {
            button.addEventListener("click", () => {
                localStorage.setItem("theme", button.dataset.themeSet);
                show();
            });
        });
    });
})();
