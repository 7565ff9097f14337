"use strict";
/* The log of a run: goes on by itself while the run does, is searched and filtered here, and follows its end. */
(() => {
    const LEVELS = {DEBUG: 0, INFO: 1, WARNING: 2, ERROR: 3, CRITICAL: 4};
    const LINE = /^\S+Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) /;
    const box = document.getElementById("log");
    if (!box) {
        return;
    }
    const search = document.getElementById("log-search");
    const level = document.getElementById("log-level");
    const follow = document.getElementById("log-follow");
    const state = document.getElementById("log-state");
    let text = box.textContent;

    function lines() {
        let last = 1;  // a line without a level belongs to the one before
        return text.split("\n").slice(0, text.endsWith("\n") || !text ? -1 : undefined).map((line) => {
            const found = LINE.exec(line);
            last = found ? LEVELS[found[1]] : last;
            return [line, last];
        });
    }

    function show() {
        const wanted = search.value.toLowerCase();
        const shown = lines().filter(([line, at]) => at >= Number(level.value) && line.toLowerCase().includes(wanted));
        box.replaceChildren(...shown.map(([line, at]) => {
            const row = document.createElement("span");
            row.className = `line level-${at}`;
            row.textContent = `${line}\n`;
            return row;
        }));
        if (shown.length === 0) {
            box.textContent = text ? box.dataset.none : box.dataset.waiting;
        }
        if (follow.checked) {
            box.scrollTop = box.scrollHeight;
        }
    }

    function listen() {
        const source = new EventSource(`${box.dataset.url}?after=${[...text].length}`);
        source.addEventListener("open", () => {
            state.textContent = box.dataset.running;
        });
        source.addEventListener("log", (event) => {
            text += JSON.parse(event.data).text;
            show();
            document.dispatchEvent(new CustomEvent("live:now"));
        });
        source.addEventListener("end", () => {
            source.close();
            location.reload();
        });
        source.addEventListener("error", () => {
            state.textContent = box.dataset.lost;
        });
    }

    for (const control of [search, level, follow]) {
        control.addEventListener("input", show);
    }
    show();
    if (box.dataset.finished !== "true") {
        listen();
    }
})();
