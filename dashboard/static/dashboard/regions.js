"use strict";
/* The regions of a page take over their new selves: each element with an id and `data-live`; in one with
   `data-live-list` each child with an id for itself, so that a new one comes though another is in use.
   What the reader has made of it is kept: what is open, how far it is scrolled, where the focus is. A region in which
   they write, choose or mark something keeps until they are done, and says that something newer waits. */
const TOKEN = "input[name=csrfmiddlewaretoken]";
const FIELDS = "input:not([type=hidden]), select, textarea";
const REACHABLE = "a[href], button, summary, input, select, textarea, [tabindex]";
const cameAs = new Map();  // each region's text as it came, by its id; times.js counts on in what is shown

export function remember() {
    document.querySelectorAll("[data-live][id], [data-live-list] > [id]").forEach((region) => {
        cameAs.set(region.id, region.outerHTML);
    });
}

/** Whether what is shown is now what came. The answer is everybody's: its forms get this page's own token. */
export function takeOver(page) {
    const token = document.querySelector(TOKEN);
    page.querySelectorAll("form[method=post]").forEach((form) => form.prepend(token?.cloneNode() ?? ""));
    let isWhole = true;
    document.querySelectorAll("[data-live][id]").forEach((region) => {
        const fresh = page.getElementById(region.id);
        if (fresh !== null) {
            isWhole = (region.matches("[data-live-list]") ? merge : replace)(region, fresh) && isWhole;
        }
    });
    document.dispatchEvent(new CustomEvent("live:fresh"));
    return isWhole;
}

function merge(list, fresh) {
    let isWhole = true;
    const wanted = [...fresh.children], ids = new Set(wanted.map((child) => child.id));
    [...list.children].filter((child) => !ids.has(child.id)).forEach((child) => {
        isWhole = !isHeld(child) && isWhole;
        if (!isHeld(child)) {
            child.remove();
        }
    });
    wanted.forEach((child, number) => {
        const old = list.querySelector(`:scope > #${CSS.escape(child.id)}`);
        if (old) {
            isWhole = replace(old, child) && isWhole;
        } else {
            cameAs.set(child.id, child.outerHTML);
            list.insertBefore(document.adoptNode(child), list.children[number] ?? null);
        }
    });
    return isWhole;
}

function replace(region, fresh) {
    const text = fresh.outerHTML;
    const isNews = text !== cameAs.get(region.id);
    if (!isNews || isHeld(region)) {
        say(region, isNews ? document.body.dataset.waiting : null);
        return !isNews;
    }
    const putBack = keptOf(region);
    region.replaceWith(document.adoptNode(fresh));
    cameAs.set(fresh.id, text);
    putBack(fresh);
    return true;
}

function say(region, text) {
    if (text === null) {
        delete region.dataset.liveWaiting;
    } else {
        region.dataset.liveWaiting = text;
    }
}

function isHeld(region) {
    const selection = window.getSelection();
    return region.matches("[data-live-held]") || region.querySelector("[data-live-held], dialog[open]") !== null
        || [...region.querySelectorAll(FIELDS)].some((field) => field === document.activeElement || isAltered(field))
        || (!selection.isCollapsed && selection.containsNode(region, true));
}

function isAltered(field) {
    if (field.matches("[type=checkbox], [type=radio]")) {
        return field.checked !== field.defaultChecked;
    }
    if (field.matches("select")) {
        return field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected));
    }
    return field.value !== field.defaultValue;
}

/** Puts into the region's new self what the reader had made of the old one, part by part in their order. */
function keptOf(region) {
    const opened = [...region.querySelectorAll("details")].map((part) => part.open);
    const boxes = [...region.querySelectorAll(".scroll, pre")].map((box) => [box.scrollLeft, box.scrollTop]);
    const focused = region.contains(document.activeElement) ? document.activeElement : null;
    const number = focused ? twins(region, focused).indexOf(focused) : -1;
    return (fresh) => {
        const parts = fresh.querySelectorAll("details");
        if (parts.length === opened.length) {
            parts.forEach((part, index) => {
                part.open = opened[index];
            });
        }
        const places = fresh.querySelectorAll(".scroll, pre");
        if (places.length === boxes.length) {
            places.forEach((box, index) => {
                [box.scrollLeft, box.scrollTop] = boxes[index];
            });
        }
        if (focused) {
            const found = twins(fresh, focused);
            (found[number] ?? found[0])?.focus({preventScroll: true});
        }
    };
}

/** What may have the focus and leads to the same as this does. */
function twins(region, element) {
    const about = (each) => [each.tagName, each.id, each.getAttribute("href"), each.getAttribute("name"),
        each.form?.getAttribute("action"), each.className].join(" ");
    return [...region.querySelectorAll(REACHABLE)].filter((each) => about(each) === about(element));
}
