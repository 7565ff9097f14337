"use strict";
/* A page that stays true: <main data-live-every="5"> is fetched again so many seconds after the last answer, and each
   element with an id and `data-live` takes over its new self. Nothing is fetched while nobody looks. What the reader is
   using is left alone: a region that holds the focus in a field, or an open <details>, keeps until they leave it.
   The answer is the same for all who may see it, so it has no tokens in its forms: they get this page's own. */
(() => {
    const SHORTEST_PAUSE_SECONDS = 1, LONGEST_PAUSE_SECONDS = 60;
    const TOKEN = "input[name=csrfmiddlewaretoken]";
    const seen = new Map();  // each region's text as it came; times.js counts on in what is shown
    let tag = null;  // of the last answer: who sends it gets no body while nothing has changed
    let pass = "1";  // of who was let in: for some seconds nobody asks again who it is
    let failures = 0;
    let timer = null;
    let isUnderWay = false, isWantedSoon = false;

    const main = () => document.querySelector("[data-live-every]");
    const regions = () => document.querySelectorAll("[data-live][id]");
    const isInUse = (region) => region.matches("[data-live-held]") || region.querySelector("details[open], dialog[open]") !== null
        || (region.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));

    /** Whether what is shown is now what came. */
    function takeOver(page) {
        const token = document.querySelector(TOKEN);
        let isWhole = true;
        regions().forEach((region) => {
            const fresh = page.getElementById(region.id);
            if (fresh === null) {
                return;
            }
            fresh.querySelectorAll("form[method=post]").forEach((form) => form.prepend(token?.cloneNode() ?? ""));
            const text = fresh.innerHTML;
            if (text === seen.get(region.id)) {
                return;
            }
            if (isInUse(region)) {
                isWhole = false;
                return;
            }
            const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
            region.replaceWith(document.adoptNode(fresh));
            seen.set(region.id, text);
            if (focused) {
                document.getElementById(focused)?.focus({preventScroll: true});
            }
        });
        document.dispatchEvent(new CustomEvent("live:fresh"));
        return isWhole;
    }

    async function refresh() {
        const headers = {"X-Live": pass, ...(tag && {"If-None-Match": tag})};
        const answer = await fetch(location.href, {headers, cache: "no-store"});
        if (answer.redirected) {
            location.reload();  // logged out
            return;
        }
        pass = answer.headers.get("X-Live-Pass") ?? pass;
        if (answer.status === 304) {
            return;
        }
        if (!answer.ok) {
            throw new Error(String(answer.status));
        }
        const isWhole = takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
        tag = isWhole ? answer.headers.get("ETag") : null;
    }

    function plan(seconds) {
        clearTimeout(timer);
        timer = setTimeout(turn, 1000 * seconds);
    }

    async function turn() {
        const every = Number(main()?.dataset.liveEvery ?? 0);
        if (isUnderWay) {
            return;
        }
        isWantedSoon = false;
        if (!every || document.hidden) {
            return;
        }
        isUnderWay = true;
        try {
            await refresh();
            failures = 0;
        } catch {
            failures += 1;
        }
        isUnderWay = false;
        document.getElementById("stale").hidden = failures < 2;
        plan(isWantedSoon ? SHORTEST_PAUSE_SECONDS : Math.min(every * 2 ** failures, LONGEST_PAUSE_SECONDS));
    }

    document.addEventListener("visibilitychange", () => {
        clearTimeout(timer);
        if (!document.hidden) {
            turn();
        }
    });
    document.addEventListener("live:now", () => {  // however often it is said
        if (!isWantedSoon) {
            isWantedSoon = true;
            plan(SHORTEST_PAUSE_SECONDS);
        }
    });
    regions().forEach((region) => seen.set(region.id, region.innerHTML));
    plan(Number(main()?.dataset.liveEvery ?? 5));
})();
