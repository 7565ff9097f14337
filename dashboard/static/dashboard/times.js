"use strict";
/* Instants in the job's zone (as the server wrote them), in the reader's own, or in UTC; and how long until or since:
   <time datetime="...">, <time datetime="..." data-until> "in 1 h 59 min", <time datetime="..." data-since> "1 h 59 min". */
(() => {
    const root = document.documentElement, words = document.body.dataset;
    const kept = () => localStorage.getItem("times") || "job";
    const SIZES = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const SHAPE = {
        weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
    };

    /** In the two units that matter: nobody plans by "in 1 day" when it is 47 hours. */
    function span(seconds) {
        const first = Math.max(0, SIZES.findIndex(([, size]) => seconds >= size));
        return SIZES.slice(seconds < 1 ? -1 : first).slice(0, 2).map(([unit, size], index) => {
            const count = Math.floor((index ? seconds % SIZES[first][1] : seconds) / size);
            return `${count} ${unit}`;
        }).join(" ");
    }

    function relative(time) {
        const seconds = Math.round((new Date(time.dateTime) - Date.now()) / 1000);
        if ("since" in time.dataset) {
            return span(Math.max(0, -seconds));
        }
        return (seconds > 0 ? words.ahead : words.ago).replace("{time}", span(Math.abs(seconds)));
    }

    function inZone(time, timeZone) {
        const at = new Date(time.dateTime);
        const year = at.getFullYear() === new Date().getFullYear() ? {} : {year: "numeric"};
        const second = /\d:\d\d:\d\d/.test(time.dataset.job) ? {second: "2-digit"} : {};
        return new Intl.DateTimeFormat(root.lang, {...SHAPE, ...year, ...second, timeZone}).format(at);
    }

    function show() {
        const zones = {mine: undefined, utc: "UTC"};
        root.dataset.times = kept();
        document.querySelectorAll("time[datetime]:not([data-until], [data-since])").forEach((time) => {
            time.dataset.job ??= time.textContent;
            time.textContent = kept() in zones ? inZone(time, zones[kept()]) : time.dataset.job;
        });
        document.querySelectorAll("[data-times-set]").forEach((button) => {
            button.setAttribute("aria-pressed", String(button.dataset.timesSet === kept()));
        });
    }

    function count() {
        document.querySelectorAll("time[data-until], time[data-since]").forEach((time) => {
            const text = relative(time);
            if (time.textContent !== text) {
                time.textContent = text;
            }
        });
    }

    document.querySelectorAll("[data-times-set]").forEach((button) => {
        button.addEventListener("click", () => {
            localStorage.setItem("times", button.dataset.timesSet);
            show();
        });
    });
    document.addEventListener("live:fresh", () => {
        show();
        count();
    });
    show();
    count();
    setInterval(count, 1000);
})();
