// Keeps the page up to date, and shows times in the browser's zone. The page works
// without it.
"use strict";

(() => {
  const minute = 60 * 1000;
  const lives = document.body.dataset.version !== undefined;
  let shown = Number(document.body.dataset.version || 0);
  let newest = shown; // version that the server has told of
  let source = null;
  let busy = false;
  let waiting = 0; // for the next try
  let shownHTML = null; // of main, as the server sent it

  // localTimes puts the browser's time in front of each time in UTC.
  function localTimes(root) {
    for (const t of root.querySelectorAll("time[datetime]")) {
      const at = new Date(t.dateTime);
      if (t.dataset.local || isNaN(at)) continue;
      const pad = (n) => String(n).padStart(2, "0");
      const minutes = -at.getTimezoneOffset();
      if (minutes === 0) continue;
      const off = Math.abs(minutes);
      const zone = "UTC" + (minutes > 0 ? "+" : "−") + Math.floor(off / 60) + (off % 60 ? ":" + pad(off % 60) : "");
      t.dataset.local = "1";
      t.textContent = at.getFullYear() + "-" + pad(at.getMonth() + 1) + "-" + pad(at.getDate()) + " " +
        pad(at.getHours()) + ":" + pad(at.getMinutes()) + ":" + pad(at.getSeconds()) + " " + zone + " (" + t.textContent + ")";
    }
  }

  // typed reports whether somebody has begun to fill in a form.
  function typed(root) {
    for (const form of root.querySelectorAll("form")) {
      for (const e of form.elements) {
        if (e.type === "checkbox" || e.type === "radio") {
          if (e.checked !== e.defaultChecked) return true;
        } else if (e.tagName === "SELECT") {
          const preset = [...e.options].findIndex((o) => o.defaultSelected);
          if (e.selectedIndex !== Math.max(preset, 0)) return true;
        } else if (e.defaultValue !== undefined && e.value !== e.defaultValue) return true;
      }
    }
    return false;
  }

  // selected reports whether somebody has marked text.
  function selected(root) {
    const marked = document.getSelection();
    return marked !== null && !marked.isCollapsed && marked.rangeCount > 0 && marked.getRangeAt(0).intersectsNode(root);
  }

  // keyOf names an element, so that it is found again in the new content.
  function keyOf(e) {
    if (e.id) return "#" + e.id;
    const own = e.getAttribute("href") || e.getAttribute("name") || e.getAttribute("aria-label") || (e.tagName === "BUTTON" || e.tagName === "SUMMARY" ? e.textContent.trim() : "");
    return own ? e.tagName + " " + own : "";
  }

  function find(root, key, nth) {
    return [...root.querySelectorAll(key.startsWith("#") ? "*" : key.split(" ")[0])].filter((e) => keyOf(e) === key)[nth] || null;
  }

  function nthOf(root, e) {
    return [...root.querySelectorAll(e.tagName)].filter((o) => keyOf(o) === keyOf(e)).indexOf(e);
  }

  const summaryOf = (d) => d.id || (d.querySelector("summary") || d).textContent.trim();

  // replace puts the new content in the place of the old one. What was opened, focused
  // and scrolled stays so.
  function replace(main, fresh) {
    const active = main.contains(document.activeElement) ? document.activeElement : null;
    const focus = active && active !== main ? [keyOf(active), nthOf(main, active)] : null;
    const known = new Map([...main.querySelectorAll("details")].map((d) => [summaryOf(d), d.open]));
    const scrolled = [...main.querySelectorAll(".scroll")].map((e) => [e.scrollLeft, e.scrollTop]);
    const x = window.scrollX, y = window.scrollY;
    main.replaceChildren(...fresh.childNodes);
    for (const d of main.querySelectorAll("details")) {
      if (known.has(summaryOf(d))) d.open = known.get(summaryOf(d));
    }
    main.querySelectorAll(".scroll").forEach((e, i) => {
      if (scrolled[i]) [e.scrollLeft, e.scrollTop] = scrolled[i];
    });
    window.scrollTo(x, y);
    if (focus && focus[0]) {
      const same = find(main, focus[0], focus[1]);
      if (same) same.focus({ preventScroll: true });
    }
  }

  const wellSaid = "It keeps itself up to date.";

  // say tells how fresh the page is: in its footer, and in sight too if it is not.
  function say(text) {
    const put = (e, said) => { if (e && e.textContent !== said) e.textContent = said; };
    const old = document.getElementById("old"), made = document.querySelector("footer time");
    put(document.getElementById("live"), text);
    put(old, text === wellSaid ? "" : text + " This is what was known at " + (made ? made.textContent : "an earlier time") + ".");
    old.hidden = text === wellSaid;
  }

  async function refresh() {
    const main = document.getElementById("main");
    if (busy || document.hidden) return;
    if (selected(main)) return again(); // a new content would take the selection away
    if (typed(main)) {
      say("It does not change while a form is being filled in.");
      return;
    }
    busy = true;
    const asked = newest;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin", cache: "no-store" });
      if (!answer.ok && answer.status !== 404 && answer.status !== 500) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("main");
      if (!fresh || typed(main) || selected(main)) return;
      const html = fresh.innerHTML;
      if (html !== shownHTML) {
        shownHTML = html;
        replace(main, fresh);
        document.title = page.title;
        localTimes(main);
      }
      document.querySelector("footer").replaceWith(page.querySelector("footer"));
      localTimes(document.querySelector("footer"));
      shown = Math.max(asked, Number(page.body.dataset.version || 0));
      say(wellSaid);
    } catch (e) {
      say("⚠ The server does not answer: is kubectl snapback ui still running?");
    } finally {
      busy = false;
    }
    if (newest > shown) again();
  }

  function again() {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 1000);
  }

  // listen is told of changes, only while the page is seen: a browser has few
  // connections to a server.
  function listen() {
    if (document.hidden) {
      if (source) source.close();
      source = null;
      return;
    }
    if (source) return;
    source = new EventSource("/events");
    source.addEventListener("version", (e) => {
      newest = Number(e.data);
      if (newest !== shown) refresh();
      else say(wellSaid);
    });
    source.onerror = () => {
      say("⚠ The server does not answer: is kubectl snapback ui still running?");
      if (source && source.readyState === EventSource.CLOSED) { // it is not tried again by itself
        source = null;
        setTimeout(listen, 15 * 1000);
      }
    };
  }

  // A second press of a button would be refused, since the first one has changed what
  // was seen.
  document.addEventListener("submit", (e) => {
    if (e.target.dataset.sent) e.preventDefault();
    e.target.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => { // a page that was left and is back
    for (const form of document.forms) delete form.dataset.sent;
  });

  shownHTML = document.getElementById("main").innerHTML;
  localTimes(document);
  if (!lives) return;
  listen();
  document.addEventListener("visibilitychange", () => {
    listen();
    if (!document.hidden) refresh();
  });
  setInterval(refresh, minute); // ages on the page get old by themselves
})();
