// What makes the pages smoother; none of them needs it.
"use strict";

// A second click on a button does nothing: the server knows the form's mark, and the button is off meanwhile.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  setTimeout(() => form.querySelectorAll("button").forEach((button) => {
    button.setAttribute("aria-disabled", "true");
    button.classList.toggle("btn-loading", button === event.submitter);
  }));
});
// A page that comes back from the browser's memory can be sent again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => { button.removeAttribute("aria-disabled"); button.classList.remove("btn-loading"); });
  });
});

document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  if (close) close.closest(close.dataset.close).remove();
  document.querySelectorAll("details.drop[open]").forEach((drop) => { if (!drop.contains(event.target)) drop.open = false; });
  const all = event.target.closest("[data-tick-all]");
  if (all) {
    document.querySelectorAll(`input[type=checkbox][name="${all.dataset.tickAll}"]`).forEach((box) => { box.checked = all.checked; });
    count(all.dataset.tickAll);
  } else if (event.target.matches("input[type=checkbox]")) count(event.target.name);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const drop = document.querySelector("details.drop[open]");
  if (drop) { drop.open = false; drop.querySelector("summary").focus(); }
});

// How many are ticked: <output data-ticked="name">
function count(name) {
  const ticked = document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(name)}"]:checked`).length;
  document.querySelectorAll(`[data-ticked="${CSS.escape(name)}"]`).forEach((place) => { place.textContent = ticked; });
  document.querySelectorAll(`[data-needs-ticked="${CSS.escape(name)}"]`).forEach((button) => { button.disabled = ticked === 0; });
}
document.querySelectorAll("[data-ticked]").forEach((place) => count(place.dataset.ticked));

// A live region tells only what changes: a message of the page itself is put in once more. What is wrong gets the focus.
window.addEventListener("DOMContentLoaded", () => {
  const status = document.getElementById("status");
  if (status && status.children.length) { const told = [...status.childNodes]; status.replaceChildren(); setTimeout(() => status.append(...told), 100); }
  const wrong = document.querySelector("[aria-invalid=true]") || document.querySelector("[data-focus]");
  if (wrong) wrong.focus();
});

// Filters: the file has the same ones; a part that does not come is told.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target && event.detail.target.id === "list") {
    const file = document.querySelector("a[data-csv]");
    if (file) file.search = new URLSearchParams([...new URLSearchParams(location.search), ["format", "csv"]]).toString();
  }
});
for (const name of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(name, () => {
    const words = document.getElementById("main").dataset.unreachable;
    if (words) document.getElementById("status").textContent = words;
  });
}

// What runs tells when it has got further: that part of the page is asked for again. Without it, the page asks by itself now and then.
document.querySelectorAll("[data-events]").forEach((part) => {
  const source = new EventSource(part.dataset.events);
  const told = () => htmx.trigger(part, "progress");
  source.addEventListener("progress", told);
  source.addEventListener("end", () => { source.close(); told(); });
  window.addEventListener("pagehide", () => source.close());
});
