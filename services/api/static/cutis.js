// What htmx does not do by itself: times, the key, the details, and leaving alone what is the same.
"use strict";

const KEY = "cutis-api-key";
const byId = (id) => document.getElementById(id);
let lastOpener = null;

// --- times: the server sends moments, the browser says how long ago they were ---

function ago(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

function tellTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const passed = (Date.now() - moment) / 1000;
    time.textContent = "running" in time.dataset ? ago(passed) : `${ago(passed)} ago`;
    if (!time.title) time.title = moment.toLocaleString();
  }
}

// --- what stays the same is not swapped, so that focus and selection survive ---

const shown = new WeakMap();

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr, requestConfig } = event.detail;
  if (requestConfig.verb !== "get" || xhr.status !== 200) return;
  if (target.id === "details-body" && !byId("details").open) event.detail.shouldSwap = false;
  if (shown.get(target) === xhr.responseText) event.detail.shouldSwap = false;
  else shown.set(target, xhr.responseText);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.requestConfig.verb === "get") event.preventDefault();
});

document.addEventListener("htmx:afterSettle", () => {
  tellTimes();
  const summary = document.querySelector("[data-summary]").dataset.summary;
  if (byId("live").textContent !== summary) byId("live").textContent = summary;
});

// --- the API may be away ---

const setAway = (away) => { byId("away").hidden = !away; };
document.addEventListener("htmx:sendError", () => setAway(true));
document.addEventListener("htmx:timeout", () => setAway(true));
document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (requestConfig.verb === "get") {
    if (xhr.status) setAway(xhr.status >= 500);
    return;
  }
  afterChange(event.detail.elt, xhr);
});

// --- changes need the key; it is asked for once and kept for this tab ---

document.addEventListener("htmx:confirm", (event) => {
  if (event.detail.verb === "get") return;
  event.preventDefault();
  if (event.detail.question && !window.confirm(event.detail.question)) return;
  const { elt, issueRequest } = event.detail;
  // While the key was typed, the button may have been swapped for its successor.
  withKey("", () => (elt.isConnected ? issueRequest(true) : clickAgain(elt)));
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") event.detail.headers["X-API-Key"] = sessionStorage.getItem(KEY);
});

function withKey(problem, then) {
  if (sessionStorage.getItem(KEY)) { then(); return; }
  const dialog = byId("ask-key");
  byId("key").value = "";
  byId("key-problem").textContent = problem;
  byId("key-problem").hidden = !problem;
  dialog.returnValue = "";
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "use") return;
    sessionStorage.setItem(KEY, byId("key").value.trim());
    showKey();
    then();
  }, { once: true });
  dialog.showModal();
}

function afterChange(button, xhr) {
  if (xhr.status === 200) {
    say(button.dataset.said || "Done");
    refresh();
    return;
  }
  let detail = "The API did not answer.";
  try { detail = JSON.parse(xhr.responseText).detail; } catch { /* not a problem document */ }
  if (xhr.status === 401) {
    sessionStorage.removeItem(KEY);
    showKey();
    withKey(detail, () => clickAgain(button));
    return;
  }
  say(detail);
}

function clickAgain(button) {
  const now = button.isConnected ? button : byId(button.id);
  if (now) now.click();
}

function showKey() { byId("forget-key").hidden = !sessionStorage.getItem(KEY); }

function say(text) {
  const toast = byId("toast");
  toast.textContent = text;
  toast.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => toast.classList.remove("shown"), 5000);
}

// --- clicks: details, copying, paging ---

document.addEventListener("click", async (event) => {
  const element = event.target.closest("[data-details], [data-copy], [data-page]");
  if (!element) return;
  if (element.dataset.copy) {
    try {
      await navigator.clipboard.writeText(element.dataset.copy);
      say("Copied");
    } catch {
      say(element.dataset.copy); // no clipboard without HTTPS: at least show it
    }
  } else if (element.dataset.page) {
    byId("study-page").value = element.dataset.page;
    refresh();
  } else {
    openDetails(element);
  }
});

function openDetails(element) {
  const dialog = byId("details");
  if (!dialog.contains(element)) lastOpener = element.id;
  showDetails(element.dataset.details);
}

function showDetails(path) {
  const dialog = byId("details");
  if (!dialog.open) dialog.showModal();
  history.replaceState(null, "", `#${path}`); // the address can be passed on: it holds ids only
  htmx.ajax("GET", path, { target: "#details-body" });
}

byId("details").addEventListener("close", () => {
  htmx.swap("#details-body", "", { swapStyle: "innerHTML" }); // stops its polling
  shown.delete(byId("details-body"));
  history.replaceState(null, "", location.pathname);
  if (lastOpener && byId(lastOpener)) byId(lastOpener).focus();
});

const refresh = () => document.body.dispatchEvent(new Event("cutis:changed"));
byId("study-state").addEventListener("change", () => {
  byId("study-page").value = "1";
  refresh();
});
byId("key-cancel").addEventListener("click", () => byId("ask-key").close(""));
byId("forget-key").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  showKey();
  say("The key is forgotten");
});

byId("study-filter").reset(); // a reload starts on the first page
showKey();
tellTimes();
setInterval(tellTimes, 1000);
if (/^#\/details\/(jobs|studies)\/[0-9a-f]+$/.test(location.hash)) showDetails(location.hash.slice(1));
