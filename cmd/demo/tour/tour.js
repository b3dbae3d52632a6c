"use strict";
// The panel shows the step that the demo is at, and has the workspace beside it show what the step is about.
const at = (id) => document.getElementById(id);
const words = { busy: "something happens", yours: "your turn", look: "have a look", done: "seen", failed: "not seen", "": "" };
let looked = "", step = "";

// tell sets what stands between backquotes apart.
function tell(into, text) {
  into.replaceChildren(...text.split("`").map((part, n) => {
    if (n % 2 === 0) return document.createTextNode(part);
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  }));
}

function show(tour) {
  const now = tour.steps[tour.current];
  if (!now) { at("note").textContent = tour.note; document.body.className = "busy"; return; }
  const done = tour.steps.filter((s) => s.status === "done").length;
  at("count").textContent = tour.over ? "all " + tour.steps.length + " steps" : "step " + (tour.current + 1) + " of " + tour.steps.length + (words[now.status] && ", " + words[now.status]);
  at("bar").style.setProperty("width", (100 * done / tour.steps.length) + "%");
  document.body.className = now.status;
  at("name").textContent = tour.over ? "That was all" : now.name;
  const said = tour.over ? "Everything is still there: look around, type `/autopilot help`, break something. Ctrl-C in the terminal takes it all away." : now.tell;
  if (step !== said) { step = said; tell(at("tell"), said); }
  at("saw").hidden = !now.saw || tour.over || now.status === "busy";
  if (at("saw").textContent !== now.saw) at("saw").textContent = now.saw || "";
  at("note").textContent = now.status === "busy" ? (now.saw || tour.note) : now.status === "yours" ? "It goes on when you did it. Next does it for you." : "";
  at("next").hidden = tour.over || !["yours", "look", "failed"].includes(now.status);
  at("next").textContent = now.status === "failed" ? "Try again" : "Next";
  at("link").hidden = !now.link || tour.over;
  if (now.link) at("link").href = now.link;
  at("steps").replaceChildren(...tour.steps.map((s, n) => {
    const li = document.createElement("li");
    li.textContent = s.name;
    li.className = s.status;
    if (n === tour.current && !tour.over) li.setAttribute("aria-current", "step");
    return li;
  }));
  if (now.look && now.look !== looked) { // a visitor who went elsewhere stays there until a step is about another place
    looked = now.look;
    at("workspace").src = now.look;
  }
}

async function ask() {
  try {
    const answer = await fetch("state");
    if (answer.ok) show(await answer.json());
  } catch {
    at("note").textContent = "The demo does not answer; it has ended, or has not begun.";
  }
  setTimeout(ask, 700);
}

at("next").addEventListener("click", async () => {
  at("next").hidden = true;
  await fetch("next", { method: "POST" });
});
ask();
