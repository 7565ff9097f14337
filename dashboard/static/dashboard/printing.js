"use strict";
/* On paper nothing can be opened: the tables behind the drawings, the stack trace and the like stand there. */
(() => {
    let closed = [];
    window.addEventListener("beforeprint", () => {
        closed = [...document.querySelectorAll("details:not(.menu, .asks, [open])")];
        closed.forEach((part) => {
            part.open = true;
        });
    });
    window.addEventListener("afterprint", () => {
        closed.forEach((part) => {
            part.open = false;
        });
    });
})();
