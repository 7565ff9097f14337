"use strict";
/* The log of a run: goes on by itself while the run does, is searched and filtered here, and follows its end. */
(() => {
    const LEVELS = {DEBUG: 0, INFO: 1, WARNING: 2, ERROR: 3, CRITICAL: 4};
    const LINE = /^\S+Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) /;
    const FIRST_PAUSE_SECONDS = 1, LONGEST_PAUSE_SECONDS = 30, NEAR_THE_END_PX = 8;
    const box = document.getElementById("log");
    if (!box) {
        return;
    }
    const search = document.getElementById("log-search");
    const level = document.getElementById("log-level");
    const follow = document.getElementById("log-follow");
    const state = document.getElementById("log-state");
    let lines = [];  // [text, level, element or null]
    let isLastOpen = false;  // it has not come to its end yet
    let after = Number(box.dataset.after);  // characters, as the server counts them
    let pause = FIRST_PAUSE_SECONDS;
    let seenTop = 0;

    function add(text) {
        const parts = text.split("\n");
        if (isLastOpen) {
            const [open, , element] = lines.pop();
            element?.remove();
            parts[0] = open + parts[0];
        }
        isLastOpen = parts.at(-1) !== "";
        const rows = document.createDocumentFragment();
        (isLastOpen ? parts : parts.slice(0, -1)).forEach((line) => {
            const found = LINE.exec(line);
            lines.push([line, found ? LEVELS[found[1]] : lines.at(-1)?.[1] ?? 1, null]);  // without a level: the one before's
            put(lines.at(-1), rows);
        });
        place(rows);
    }

    /** A row for the line, if it is one that is wanted. */
    function put(line, rows) {
        const [text, at] = line;
        line[2] = null;
        if (at >= Number(level.value) && text.toLowerCase().includes(search.value.toLowerCase())) {
            const row = line[2] = document.createElement("span");
            row.className = `line level-${at}`;
            row.textContent = `${text}\n`;
            rows.append(row);
        }
    }

    function place(rows) {
        if (rows.childElementCount) {
            box.querySelector(".said-of-it")?.remove();
            box.append(rows);
        }
        if (box.childElementCount === 0) {
            const said = document.createElement("span");
            said.className = "said-of-it";
            said.textContent = lines.length ? box.dataset.none : box.dataset.waiting;
            box.append(said);
        }
        if (follow.checked) {
            toTheEnd();
        }
    }

    function filter() {
        const rows = document.createDocumentFragment();
        lines.forEach((line) => put(line, rows));
        box.replaceChildren();
        place(rows);
    }

    function toTheEnd() {
        box.scrollTop = box.scrollHeight;
        seenTop = box.scrollTop;
    }

    /** Who scrolls up wants to read there; who comes back to the end wants to follow again. */
    function look() {
        const isAtTheEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_THE_END_PX;
        if (box.scrollTop !== seenTop && isAtTheEnd === box.scrollTop > seenTop) {
            follow.checked = isAtTheEnd;
        }
        seenTop = box.scrollTop;
    }

    function listen() {
        const source = new EventSource(`${box.dataset.url}?after=${after}`);
        source.addEventListener("open", () => {
            state.textContent = box.dataset.running;
            pause = FIRST_PAUSE_SECONDS;
        });
        source.addEventListener("log", (event) => {
            after = Number(event.lastEventId);
            add(JSON.parse(event.data).text);
            document.dispatchEvent(new CustomEvent("live:now"));
        });
        source.addEventListener("end", () => {
            source.close();
            state.textContent = box.dataset.ended;
            document.dispatchEvent(new CustomEvent("live:now"));  // the page's regions say how it ended
        });
        source.addEventListener("error", () => {
            state.textContent = box.dataset.lost;
            if (source.readyState === EventSource.CLOSED) {  // an answer that was none: a browser does not come back by itself
                setTimeout(listen, 1000 * pause);
                pause = Math.min(2 * pause, LONGEST_PAUSE_SECONDS);
            }
        });
    }

    const text = box.textContent;
    box.replaceChildren();
    add(text);
    search.addEventListener("input", filter);
    level.addEventListener("input", filter);
    follow.addEventListener("input", () => follow.checked && toTheEnd());
    box.addEventListener("scroll", look);
    if (box.dataset.finished !== "true") {
        listen();
    }
})();
