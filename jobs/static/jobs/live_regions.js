"use strict";
/* A region that shows what the server says about some fields of the form, fetched again while they change:
   <div data-live-url="..." data-live-fields="cron_expression time_zone" data-live-failure="..."> */
(() => {
    const PAUSE_MS = 250;

    function follow(region) {
        const fields = region.dataset.liveFields.split(" ")
            .map((name) => document.getElementById(`id_${name}`))
            .filter((field) => field !== null);
        let timer = null;
        let asked = new AbortController();

        async function refresh() {
            asked.abort();
            asked = new AbortController();
            const question = new URLSearchParams(fields.map((field) => [field.name, field.value]));
            try {
                const answer = await fetch(`${region.dataset.liveUrl}?${question}`, {signal: asked.signal});
                if (!answer.ok || answer.redirected) {
                    throw new Error(answer.statusText);
                }
                region.innerHTML = await answer.text();
            } catch (fault) {
                if (fault.name !== "AbortError") {
                    region.textContent = region.dataset.liveFailure;
                }
            }
        }

        for (const field of fields) {
            field.addEventListener("input", () => {
                clearTimeout(timer);
                timer = setTimeout(refresh, PAUSE_MS);
            });
        }
    }

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("[data-live-url]").forEach(follow);
    });
})();
