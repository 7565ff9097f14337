"use strict";
/* A page that stays true: with [data-live-every="5"] somewhere in it, it is fetched again so many seconds after the last
   answer, and its regions take over their new selves (regions.js). Nothing is fetched while nobody looks.
   <main data-live-url="...">: where to, when the page's own address is that of a form that was sent. */
import {remember, takeOver} from "./regions.js";

const SHORTEST_PAUSE_SECONDS = 1, LONGEST_PAUSE_SECONDS = 60, LONGEST_WAIT_SECONDS = 8;
let tag = null;  // of the last answer: who sends it gets no body while nothing has changed
let pass = "1";  // of who was let in: for some seconds nobody asks again who it is
let failures = 0;
let timer = null;
let isUnderWay = false, isWantedSoon = false;

const everySeconds = () => Number(document.querySelector("[data-live-every]")?.dataset.liveEvery ?? 0);
const elsewhere = document.getElementById("main").dataset.liveUrl;

async function refresh() {
    const headers = {"X-Live": pass, ...(tag && {"If-None-Match": tag})};
    const signal = AbortSignal.timeout(1000 * LONGEST_WAIT_SECONDS);
    const answer = await fetch(elsewhere ?? location.href, {headers, signal, cache: "no-store"});
    if (answer.redirected) {
        elsewhere ? location.assign(elsewhere) : location.reload();  // logged out
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
    const every = everySeconds();
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
    } catch (fault) {
        failures += fault.name === "TimeoutError" ? 2 : 1;
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
remember();
plan(everySeconds() || LONGEST_PAUSE_SECONDS);
