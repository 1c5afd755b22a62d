// Keeps the live view up to date: fetches the part that changes and puts it in place. Stops while the page is not looked at.
"use strict";
(() => {
  const PART = "live-now";
  const first = document.getElementById(PART);
  const pause = document.getElementById("live-pause");
  const said = document.getElementById("live-said");
  if (!first || !pause || !said) {
    return;
  }
  const from = first.dataset.from;
  const every = Math.max(1, Number(first.dataset.every) || 2) * 1000;
  const longest = 10000; // milliseconds until an answer is given up
  let paused = false;
  let over = false;
  let timer = 0;
  let asking = null;

  // A status line is read out whenever its text is set: so only when it says something else.
  function say(text, mood) {
    if (said.textContent !== text) {
      said.textContent = text;
      said.className = mood;
    }
  }

  // What scrolls by itself stays where it was.
  function scrolled(part) {
    return Array.from(part.querySelectorAll(".scroll"), (one) => one.scrollLeft);
  }

  function isSelecting(part) {
    const selection = document.getSelection();
    return Boolean(selection) && !selection.isCollapsed && part.contains(selection.anchorNode);
  }

  function place(text) {
    const made = new DOMParser().parseFromString(text, "text/html").getElementById(PART);
    const old = document.getElementById(PART);
    if (!made || !old) {
      throw new Error("no part");
    }
    say(made.dataset.say || "", made.dataset.mood || "");
    if (isSelecting(old)) {
      return;
    }
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    const places = scrolled(old);
    old.replaceWith(made);
    made.querySelectorAll(".scroll").forEach((one, at) => {
      one.scrollLeft = places[at] || 0;
    });
    if (focused) {
      const again = document.getElementById(focused);
      if (again) {
        again.focus({ preventScroll: true });
      }
    }
  }

  async function look() {
    timer = 0;
    const mine = new AbortController();
    asking = mine;
    const late = setTimeout(() => mine.abort("late"), longest);
    try {
      const answer = await fetch(from, { credentials: "same-origin", redirect: "manual", signal: mine.signal });
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
        over = true;
        say(said.dataset.over, "note bad");
        pause.hidden = true;
      } else if (answer.ok) {
        place(await answer.text());
      } else {
        say(said.dataset.lost, "note bad");
      }
    } catch (error) {
      if (asking === mine) {
        say(said.dataset.lost, "note bad");
      }
    } finally {
      clearTimeout(late);
      if (asking === mine) {
        asking = null;
        plan(every);
      }
    }
  }

  function plan(after) {
    if (!paused && !over && !document.hidden && !timer && !asking) {
      timer = setTimeout(look, after);
    }
  }

  function rest() {
    clearTimeout(timer);
    timer = 0;
    const mine = asking;
    asking = null;
    if (mine) {
      mine.abort("rest");
    }
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? pause.dataset.resume : pause.dataset.pause;
    if (paused) {
      rest();
    } else {
      plan(0);
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      rest();
    } else {
      plan(0);
    }
  });
  pause.hidden = false;
  plan(every);
})();
