"use strict";
/* Instants in the job's zone (as the server wrote them), in the reader's own, or in UTC; and how long until or since:
   <time datetime="...">, <time datetime="..." data-until>, <time datetime="..." data-since>. */
(() => {
    const lang = document.documentElement.lang;
    const kept = () => localStorage.getItem("times") || "job";
    const relative = new Intl.RelativeTimeFormat(lang, {style: "short", numeric: "always"});
    const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

    function inZone(time, timeZone) {
        const options = {dateStyle: "medium", timeStyle: "medium", timeZone};
        return new Intl.DateTimeFormat(lang, options).format(new Date(time.dateTime));
    }

    function show() {
        document.querySelectorAll("time[datetime]:not([data-until], [data-since])").forEach((time) => {
            time.dataset.job ??= time.textContent;
            const zone = {mine: undefined, utc: "UTC"};
            time.textContent = kept() in zone ? inZone(time, zone[kept()]) : time.dataset.job;
        });
        document.querySelectorAll("[data-times-set]").forEach((button) => {
            button.setAttribute("aria-pressed", String(button.dataset.timesSet === kept()));
        });
    }

    function count() {
        document.querySelectorAll("time[data-until], time[data-since]").forEach((time) => {
            const seconds = Math.round((new Date(time.dateTime) - Date.now()) / 1000);
            const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? STEPS[3];
            const text = relative.format(Math.trunc(seconds / size), unit);
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
