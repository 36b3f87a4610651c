// The script of the page: asks the service and shows what it says. Whatever comes from an article,
// a file or the service goes in as text, never as markup.

const MOST_HIGHLIGHTED = 30_000; // characters of an article that are shown with marks
const DECIDING = 0.05; // of the weightiest term: what weighs as much or more is marked
const FEW_TERMS = 10;
const FEW_BARS = 10;
const MOST_ROWS = 200; // of a table that are shown
const MOST_COLUMNS = 8; // of labels
const BATCH = 100; // articles a request, as the service allows
const BATCH_CHARACTERS = 400_000;
const LONG_PASTE = 20_000; // characters
const MOST_BYTES = 50_000_000; // of a file
const TRIES = 6;
const LONGEST_WAIT = 30; // seconds

const $ = (id) => document.getElementById(id);
const decimals = (value, digits) => value.toFixed(digits).replace("-", "−");
const counted = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function percent(share) {
  if (share > 0 && share < 0.005) return "<1\u202f%";
  if (share < 1 && share >= 0.995) return ">99\u202f%";
  return `${Math.round(100 * share)}\u202f%`;
}

function sentence(words) {
  return words && words[0].toUpperCase() + words.slice(1);
}

function signed(value) {
  return (value < 0 ? "" : "+") + decimals(value, 3);
}

/** Make an element; properties are set as such, children are elements or text. */
function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Show in `place` what is given and nothing else; without anything, hide it. */
function say(place, ...children) {
  place.replaceChildren(...children);
  place.hidden = children.length === 0;
}

// The service.

// What stands over the service's own sentence; elsewhere its title is good enough.
const HEADINGS = {
  401: "The service asks for a token",
  408: "That took too long",
  413: "That is too much at once",
  422: "The service cannot take this",
  429: "The service is busy",
  503: "The service is busy",
};

class Problem extends Error {
  constructor(status, title, detail = "", wait = 1) {
    super(title);
    Object.assign(this, { status, title, detail, wait });
  }
}

/** Return what a request says of the model: nothing where there is only one. */
function named({ name, models = [] }) {
  return models.length > 1 ? { model: name } : {};
}

let token = "";
let asking = null;

async function ask(path, body, signal) {
  for (;;) {
    const sent = token;
    const response = await reach(path, body, signal);
    if (response.ok) return response.json();
    if (response.status !== 401 || !(await askToken(sent))) throw await problemOf(response);
  }
}

async function reach(path, body, signal) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const isFile = body instanceof Blob;
  const post = body && { method: "POST", body: isFile ? body : JSON.stringify(body) };
  if (body) headers["Content-Type"] = isFile ? "application/octet-stream" : "application/json";
  try {
    return await fetch(path, { ...post, headers, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "The service does not answer", "Is it still running? Then try again.");
  }
}

async function problemOf(response) {
  const wait = Number(response.headers.get("Retry-After")) || 1;
  const said = await response.json().catch(() => ({}));
  const title = HEADINGS[response.status] ?? said.title ?? `The service says ${response.status}`;
  return new Problem(response.status, title, sentence(said.detail ?? ""), wait);
}

/** Ask for a token unless a newer one than `sent` is there; false when the reader cancels. */
function askToken(sent) {
  if (sent !== token) return true;
  asking ??= new Promise((answer) => {
    const dialog = $("ask-token");
    $("token-refused").hidden = !token;
    $("token").value = "";
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => {
        asking = null;
        const given = dialog.returnValue === "use";
        if (given) token = $("token").value.trim();
        answer(given);
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}

function showProblem(error) {
  if (error.name === "AbortError") return;
  const known = error instanceof Problem;
  const title = known ? error.title : "This page has met something it does not expect";
  const detail = known ? error.detail : String(error);
  say($("problem"), el("p", {}, el("strong", {}, title)), el("p", {}, detail));
  nearby($("problem"));
}

/** Scroll to what is new where the screen is too narrow to show it beside the form. */
function nearby(element) {
  const { top } = element.getBoundingClientRect();
  if (top < 0 || top > innerHeight * 0.6) {
    element.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
  }
}

// One article.

let model = { name: "", labels: [], models: [], feedback: false };
let shown = null; // { article, answer, order }
let reading = new AbortController();

async function tagArticle(article) {
  reading.abort();
  const { signal } = (reading = new AbortController());
  say($("problem"));
  working(true);
  try {
    const answer = await ask("v1/explain", { ...article, ...named(model) }, signal);
    showAnswer(article, answer);
  } catch (error) {
    if (!signal.aborted) showProblem(error);
  } finally {
    if (!signal.aborted) working(false);
  }
}

function working(on) {
  $("result").setAttribute("aria-busy", on);
  $("busy").hidden = !on || !$("single").hidden;
  if (on) $("empty").hidden = true;
}

function showAnswer(article, answer) {
  const { prediction } = answer;
  const given = new Set(prediction.tags);
  const others = Object.keys(prediction.scores).filter((label) => !given.has(label));
  others.sort((a, b) => prediction.scores[b] - prediction.scores[a]);
  shown = { article, answer, order: [...prediction.tags, ...others] };
  $("single").hidden = false;
  $("stale").hidden = true;
  showVerdict(prediction);
  showBars(prediction, given, FEW_BARS);
  showReasons(shown.order[0]);
  showCorrection();
  $("json").querySelector("pre").textContent = JSON.stringify(prediction, null, 2);
  $("copied").textContent = "";
  nearby($("single"));
}

function showVerdict({ tags, scores, coverage, model: name, note }) {
  const pills = tags.map((tag) => el("span", { className: "tag" }, tag));
  const none = note ? "Not judged" : "None of these";
  $("verdict").replaceChildren(...(pills.length ? pills : [none]));
  $("about").textContent = `${percent(coverage)} of the words are known to ${name}.`;
  const silent = note && !tags.length;
  const base = silent ? " The bars show how common each tag was in training." : "";
  const end = /[.?!]$/.test(note ?? "") ? "" : ".";
  say($("note"), ...(note ? [`${sentence(note)}${end}${base}`] : []));
  $("why").hidden = Boolean(silent);
  const spoken = tags.map((tag) => `${tag} ${percent(scores[tag])}`).join(", ") || none;
  $("status").textContent = `Tags: ${spoken}. ${note ?? ""}`;
}

function showBars({ scores }, given, most) {
  const rows = shown.order.slice(0, most).map((label, i) => bar(label, scores[label], given, !i));
  $("bar-rows").replaceChildren(...rows);
  const rest = shown.order.length - rows.length;
  $("more-bars").hidden = rest <= 0;
  $("more-bars").textContent = `Show ${rest} more`;
}

function bar(label, score, given, checked) {
  const cut = shown.answer.labels[label]?.cut ?? null;
  const fill = el("span", { className: "fill" });
  fill.style.width = `${100 * score}%`;
  const track = el("span", { className: "track", "aria-hidden": "true" }, fill);
  const value = el("span", { className: "value" }, el("b", {}, percent(score)));
  if (cut !== null) {
    const mark = el("span", { className: "cut" });
    mark.style.left = `${100 * cut}%`;
    track.append(mark);
    value.append(el("small", {}, `cut ${percent(cut)}`));
  }
  const spoken = [label, percent(score), given.has(label) ? "given" : "not given"];
  if (cut !== null) spoken.push(`cut at ${percent(cut)}`);
  const radio = el("input", { type: "radio", name: "why", value: label, checked });
  radio.setAttribute("aria-label", spoken.join(", "));
  const name = el("span", { className: "name" }, label);
  const className = given.has(label) ? "bar given" : "bar";
  const tick = el("span", { className: "tick" }, " ✓");
  if (given.has(label)) name.append(tick);
  return el("label", { className }, radio, name, track, value);
}

// Why: the sum, the marked article, the terms.

function showReasons(label) {
  const reasons = shown.answer.labels[label];
  const raised = ranked(reasons.terms.filter((term) => term.contribution > 0));
  const lowered = ranked(reasons.terms.filter((term) => term.contribution < 0));
  const weights = [raised, lowered].map(({ terms }) => Math.abs(terms[0]?.contribution ?? 0));
  shown.why = { label, reasons, raised, lowered, strongest: Math.max(...weights) };
  const given = shown.answer.prediction.tags.includes(label);
  $("why-heading").textContent = `Why ${given ? "" : "not "}${label}?`;
  showSum(reasons);
  showLegend(label);
  showPrepared();
  showTerms(FEW_TERMS);
}

function ranked(terms) {
  const sorted = terms.toSorted((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  return { terms: sorted, total: sorted.reduce((sum, term) => sum + term.contribution, 0) };
}

function showSum({ bias, margin, probability }) {
  const { raised, lowered } = shown.why;
  const parts = [bias, raised.total, lowered.total];
  const texts = addingUp(parts, margin);
  const names = [
    "Bias: where all articles start",
    `${counted(raised.terms.length, "word")} for it`,
    `${counted(lowered.terms.length, "word")} against it`,
  ];
  const reach = [0, bias, bias + raised.total, margin];
  const low = Math.min(...reach);
  const span = Math.max(...reach) - low || 1;
  let from = 0;
  const rows = parts.map((part, i) => {
    const kind = part < 0 ? "against" : "for";
    const row = sumRow(names[i], texts[i], from, from + part, { low, span, kind });
    from += part;
    return row;
  });
  const verdict = `The margin, read as ${percent(probability)}`;
  rows.push(sumRow(verdict, decimals(margin, 3), 0, margin, { low, span, kind: "" }));
  $("sum").tBodies[0].replaceChildren(...rows);
}

/** Round so that what is shown adds up: the largest part takes what rounding leaves. */
function addingUp(parts, total) {
  const thousandths = parts.map((part) => Math.round(1000 * part));
  const left = Math.round(1000 * total) - thousandths.reduce((a, b) => a + b, 0);
  const sizes = thousandths.map(Math.abs);
  const largest = sizes.indexOf(Math.max(...sizes));
  thousandths[largest] += left;
  return thousandths.map((part) => signed(part / 1000));
}

function sumRow(name, value, from, to, { low, span, kind }) {
  const place = (x) => `${(100 * (x - low)) / span}%`;
  const piece = el("i", { className: kind });
  piece.style.left = place(Math.min(from, to));
  piece.style.width = `${(100 * Math.abs(to - from)) / span}%`;
  const zero = el("i", { className: "zero" });
  zero.style.left = place(0);
  const flow = el("span", { className: "flow" }, piece, zero);
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    el("td", { "aria-hidden": "true" }, flow),
    el("td", {}, value),
  );
}

function showLegend(label) {
  const sign = (kind, words) => el("span", {}, el("mark", { className: kind }, words));
  $("legend").replaceChildren(
    sign("for", `for ${label}: solid line`),
    sign("against", `against ${label}: dashed line`),
    el("span", { className: "soft" }, "the stronger, the weightier"),
  );
}

function showPrepared() {
  const { reasons, strongest } = shown.why;
  const least = DECIDING * strongest;
  const decides = ({ contribution }) => contribution && Math.abs(contribution) >= least;
  const marked = new Map(reasons.terms.filter(decides).map((term) => [term.term, term]));
  const { text, spans } = shown.answer;
  const end = shownLength(text);
  const pieces = [];
  let done = 0;
  for (const [from, to, term] of placed(text, inOrder(spans, marked), end)) {
    pieces.push(text.slice(done, from), markOf(text.slice(from, to), marked.get(term), strongest));
    done = to;
  }
  hideTip();
  $("prepared").replaceChildren(...paragraphs([...pieces, text.slice(done, end)]));
  if (shown.article.title) $("prepared").firstElementChild.className = "headline";
  $("prepared").scrollTop = 0;
  const first = marks()[0];
  if (first) first.tabIndex = 0;
  const rest = text.length - end;
  const others = `the other ${rest.toLocaleString("en")} count as well.`;
  say($("limit"), ...(rest ? [`The first ${counted(end, "character")} are shown; ${others}`] : []));
}

/** Return text and marks as paragraphs, which begin after blank lines. */
function paragraphs(pieces) {
  const found = [el("p")];
  for (const piece of pieces) {
    const parts = typeof piece === "string" ? piece.split(/\n{2,}/) : [piece];
    parts.forEach((part, i) => {
      if (i) found.push(el("p"));
      found.at(-1).append(part);
    });
  }
  return found;
}

function shownLength(text) {
  if (text.length <= MOST_HIGHLIGHTED) return text.length;
  const space = text.lastIndexOf(" ", MOST_HIGHLIGHTED);
  return space > MOST_HIGHLIGHTED / 2 ? space : MOST_HIGHLIGHTED;
}

/** Return the spans of marked terms in order, the weightiest first where several begin. */
function inOrder(spans, marked) {
  const weight = ([, , term]) => Math.abs(marked.get(term).contribution);
  const found = spans.filter(([, , term]) => marked.has(term));
  return found.sort((a, b) => a[0] - b[0] || weight(b) - weight(a));
}

/** Yield spans in UTF-16 units instead of code points, up to `end`; none overlaps another. */
function* placed(text, spans, end) {
  let unit = 0;
  let point = 0;
  const unitOf = (target) => {
    for (; point < target; point++) unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
    return unit;
  };
  for (const [first, last, term] of spans) {
    if (first < point) continue;
    const from = unitOf(first);
    const to = unitOf(last);
    if (to > end) return;
    yield [from, to, term];
  }
}

function markOf(words, term, strongest) {
  const mark = el("mark", { tabIndex: -1, "aria-describedby": "tip" }, words);
  mark.className = term.contribution > 0 ? "for" : "against";
  mark.style.setProperty("--strength", Math.abs(term.contribution) / strongest);
  mark.term = term;
  return mark;
}

function showTerms(most) {
  const { label, raised, lowered, strongest } = shown.why;
  $("raised-heading").textContent = `For ${label}`;
  $("lowered-heading").textContent = `Against ${label}`;
  const rows = ({ terms }) => terms.slice(0, most).map((term) => termRow(term, strongest));
  $("raised").replaceChildren(...rows(raised));
  $("lowered").replaceChildren(...rows(lowered));
  const all = Math.max(raised.terms.length, lowered.terms.length);
  $("all-terms").hidden = all <= FEW_TERMS;
  $("all-terms").setAttribute("aria-expanded", most > FEW_TERMS);
  const total = raised.terms.length + lowered.terms.length;
  const more = `Show all ${total.toLocaleString("en")} words`;
  $("all-terms").textContent = most > FEW_TERMS ? "Show the weightiest" : more;
  $("lead-hint").hidden = !countsMoreOften();
}

function termRow({ term, count, contribution }, strongest) {
  const piece = el("span", { className: "piece" });
  piece.style.width = `${(100 * Math.abs(contribution)) / strongest}%`;
  return el(
    "li",
    {},
    el("span", {}, term),
    el("span", {}, `${count}×`),
    el("span", { "aria-hidden": "true" }, piece),
    el("span", {}, signed(contribution)),
  );
}

function countsMoreOften() {
  const first = shown.why.raised.terms[0];
  if (!first) return false;
  return first.count > shown.answer.spans.filter(([, , term]) => term === first.term).length;
}

// Pointing at a word.

let leaving = 0;

function marks() {
  return [...$("prepared").querySelectorAll("mark")];
}

function showTip(mark) {
  clearTimeout(leaving);
  const { term, count, contribution } = mark.term;
  const { reasons, raised, lowered } = shown.why;
  const side = contribution > 0 ? raised : lowered;
  const way = contribution > 0 ? "for" : "against";
  const share = `${percent(contribution / side.total)} of what speaks ${way} it`;
  $("tip").replaceChildren(
    el("b", {}, el("span", {}, term), el("span", {}, signed(contribution))),
    `of the margin ${decimals(reasons.margin, 3)}; ${share}; counted ${count}×`,
  );
  $("tip").hidden = false;
  placeTip(mark);
  for (const each of marks()) {
    each.classList.toggle("same", each !== mark && each.term === mark.term);
  }
}

function placeTip(mark) {
  const frame = $("reader").getBoundingClientRect();
  const word = mark.getClientRects()[0];
  const tip = $("tip").getBoundingClientRect();
  const below = word.bottom + tip.height + 8 < innerHeight;
  const left = Math.min(Math.max(word.left - frame.left, 0), frame.width - tip.width);
  $("tip").style.left = `${left}px`;
  $("tip").style.top = `${(below ? word.bottom + 4 : word.top - tip.height - 4) - frame.top}px`;
}

function hideTip() {
  clearTimeout(leaving);
  $("tip").hidden = true;
  for (const each of marks()) each.classList.remove("same");
}

/** Hide it soon, so that the pointer can move on to the words of the tip itself. */
function leaveTip() {
  clearTimeout(leaving);
  leaving = setTimeout(() => {
    const focused = document.activeElement?.closest("#prepared mark");
    if (focused) showTip(focused);
    else hideTip();
  }, 250);
}

function walk(event) {
  const all = marks();
  const here = all.indexOf(document.activeElement);
  const goals = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: all.length - 1 };
  const goal = all[goals[event.key]];
  if (here < 0 || !goal) return;
  event.preventDefault();
  all[here].tabIndex = -1;
  goal.tabIndex = 0;
  goal.focus();
}

function listenToReader() {
  const reader = $("reader");
  reader.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType === "touch") return;
    const mark = target.closest("#prepared mark");
    if (mark) showTip(mark);
    else if (target.closest("#tip")) clearTimeout(leaving);
    else if (!$("tip").hidden) leaveTip();
  });
  reader.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType !== "touch") leaveTip();
  });
  reader.addEventListener("focusin", ({ target }) => {
    if (target.term) showTip(target);
  });
  reader.addEventListener("focusout", hideTip);
  reader.addEventListener("keydown", walk);
  $("prepared").addEventListener("scroll", hideTip);
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hideTip();
  });
}

// A correction.

function showCorrection() {
  $("correction").hidden = !model.feedback;
  if (!model.feedback) return;
  $("corrections").replaceChildren(...shown.order.map(correctionRow));
  $("correction").querySelector("button").disabled = true;
  $("saved").textContent = "";
}

function correctionRow(label, i) {
  const choice = (value, words, checked = false) =>
    el("label", {}, el("input", { type: "radio", name: `correct-${i}`, value, checked }), words);
  return el(
    "fieldset",
    {},
    el("legend", {}, label),
    choice("yes", "should be"),
    choice("no", "should not be"),
    choice("", "not sure", true),
  );
}

function corrected(value) {
  const rows = [...$("corrections").children];
  return shown.order.filter((_, i) => rows[i].querySelector("input:checked").value === value);
}

async function saveCorrection() {
  const { title, text, id } = shown.article;
  const button = $("correction").querySelector("button");
  const said = { labels: corrected("yes"), negative: corrected("no") };
  button.disabled = true;
  try {
    await ask("v1/feedback", { ...tidy({ id, title, text }), ...said, ...named(model) });
    $("saved").textContent = "Saved. Thank you.";
  } catch (error) {
    button.disabled = false;
    showProblem(error);
  }
}

// Files.

async function openFiles(files) {
  say($("problem"));
  try {
    if (files.length === 1) await openFile(files[0]);
    else if (files.length) await openSeveral(files);
  } catch (error) {
    showProblem(error);
  }
}

async function openFile(file) {
  const { article, table } = await contentOf(file);
  if (table) return showColumns(file.name, table);
  $("title").value = article.title;
  $("text").value = article.text;
  if (!article.text.trim()) {
    throw new Problem(0, `${file.name} holds no text`, "Choose a file with an article in it.");
  }
  return tagArticle(tidy(article));
}

async function openSeveral(files) {
  const rows = [];
  for (const file of files) {
    const { article, table } = await contentOf(file);
    if (table) throw new Problem(0, "A table among several files", `Open ${file.name} alone.`);
    rows.push([file.name, article.title, article.text]);
  }
  const columns = ["id", "title", "text"];
  const fields = { id: "id", title: "title", text: "text" };
  showColumns(counted(files.length, "file"), { columns, rows, fields, left: "" });
}

/** Have the service read a file: one article, or a table of many. */
async function contentOf(file) {
  const most = model.limits?.file_bytes ?? MOST_BYTES;
  if (file.size > most) {
    const advice = `At most ${Math.round(most / 1e6)} MB are read here.`;
    const command = `Use the command: classifier predict ${file.name}`;
    throw new Problem(0, `${file.name} is too large for this page`, `${advice} ${command}`);
  }
  const said = await readFile(file);
  const cell = (row, part) => row[said.columns.indexOf(said.fields[part])] ?? "";
  if (said.single || !said.columns.length) {
    const [row = []] = said.rows;
    if (said.problem) throw new Problem(0, `${file.name} cannot be read`, said.problem);
    if (!said.single) throw new Problem(0, `${file.name} holds no articles`, HEADER_ASKED);
    return { article: { title: cell(row, "title"), text: cell(row, "text") } };
  }
  const remark = `Left out: ${counted(said.left_out, "row")}, the first of them ${said.problem}`;
  return { table: { ...said, left: said.left_out ? remark : "" } };
}

const HEADER_ASKED = "Does it have a header and rows?";

async function readFile(file) {
  try {
    const path = `v1/read?name=${encodeURIComponent(file.name)}`;
    return await patiently(() => ask(path, file), new AbortController().signal);
  } catch (error) {
    if (![413, 422].includes(error.status)) throw error;
    throw new Problem(error.status, `${file.name} cannot be read`, error.detail);
  }
}

// Many articles.

let many = null; // { name, table, model, articles, results, filter }
let running = new AbortController();

function showColumns(name, table) {
  reading.abort();
  running.abort();
  working(false);
  many = { name, table, model, articles: [], results: [], filter: null };
  $("empty").hidden = $("single").hidden = $("tagged").hidden = $("running").hidden = true;
  $("many").hidden = $("columns").hidden = false;
  $("many-heading").textContent = `${name}: ${counted(table.rows.length, "article")}`;
  say($("many-warning"), ...(table.left ? [table.left] : []));
  const { text, title, id } = $("columns").elements;
  fill(text, table.columns, table.fields.text);
  fill(title, ["", ...table.columns], table.fields.title ?? "");
  fill(id, ["", ...table.columns], table.fields.id ?? "");
  $("columns").querySelector("button").textContent = `Tag ${counted(table.rows.length, "article")}`;
  showSample();
  $("status").textContent = `${name} read. Choose its columns, then tag.`;
  nearby($("many"));
}

function fill(select, names, value) {
  select.replaceChildren(...names.map((name) => el("option", { value: name }, name || "none")));
  select.value = value;
}

function articlesOf({ table }) {
  const { text, title, id } = $("columns").elements;
  const [t, h, n] = [text, title, id].map((select) => table.columns.indexOf(select.value));
  return table.rows.map((row) => ({ id: row[n] ?? "", title: row[h] ?? "", text: row[t] ?? "" }));
}

function showSample() {
  const { title, text } = articlesOf(many)[0];
  const start = [title, text.slice(0, 220)].filter(Boolean).join(" — ").trim();
  const sample = text.length > 220 ? `${start}…` : start;
  $("sample").textContent = sample || "The first article has no text.";
}

async function tagMany() {
  const { signal } = (running = new AbortController());
  const run = many;
  run.model = model;
  run.articles = articlesOf(run);
  run.results = [];
  run.filter = null;
  $("columns").hidden = true;
  $("running").hidden = $("tagged").hidden = false;
  $("progress").max = run.articles.length;
  say($("problem"));
  showHead();
  try {
    for (const batch of batches(run.articles)) {
      run.results.push(...(await tagBatch(batch, signal)));
      showProgress();
    }
    $("status").textContent = `All ${counted(run.articles.length, "article")} are tagged.`;
  } catch (error) {
    showProblem(error);
    $("status").textContent = `Stopped after ${counted(run.results.length, "article")}.`;
  } finally {
    if (run === many) showEnd();
  }
}

/** Yield articles in lots that the service takes in one request. */
function* batches(articles) {
  let batch = [];
  let size = 0;
  for (const article of articles) {
    const own = article.text.length + article.title.length;
    if (batch.length === BATCH || (batch.length && size + own > BATCH_CHARACTERS)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(article);
    size += own;
  }
  if (batch.length) yield batch;
}

/** Return one result an article, in order; what has no text is not sent. */
async function tagBatch(batch, signal) {
  const readable = batch.filter((article) => article.text.trim());
  const said = readable.length ? await tagReadable(readable, signal) : [];
  let next = 0;
  return batch.map((each) => (each.text.trim() ? said[next++] : refused(each, "no text")));
}

/** Return one result an article; one that the service refuses does not spoil its neighbours. */
async function tagReadable(batch, signal) {
  const body = { articles: batch.map(tidy), ...named(many.model) };
  try {
    const answer = await patiently(() => ask("v1/predict", body, signal), signal);
    return answer.predictions;
  } catch (error) {
    if (![413, 422].includes(error.status)) throw error;
    if (batch.length === 1) return [refused(batch[0], error.detail || error.title)];
    const half = Math.ceil(batch.length / 2);
    const first = await tagReadable(batch.slice(0, half), signal);
    return [...first, ...(await tagReadable(batch.slice(half), signal))];
  }
}

function tidy({ id, title, text }) {
  return { ...(id && { id }), ...(title && { title }), text };
}

function refused({ id }, error) {
  return { id, error };
}

async function patiently(attempt, signal) {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (![429, 503].includes(error.status) || tries === TRIES) throw error;
      await pause(Math.min(error.wait * 2 ** (tries - 1), LONGEST_WAIT), signal);
    }
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function partOf(results, articles) {
  return `${results.length.toLocaleString("en")} of ${counted(articles.length, "article")}`;
}

function showProgress() {
  const { articles, results } = many;
  $("progress").value = results.length;
  $("progress-label").textContent = partOf(results, articles);
  showRows();
}

function showEnd() {
  const { articles, results } = many;
  $("running").hidden = true;
  $("tagged").hidden = !results.length;
  $("columns").hidden = results.length > 0;
  if (results.length < articles.length) {
    say($("many-warning"), `${partOf(results, articles)} are tagged; the rest is left.`);
  }
  if (results.length) showRows();
}

function scoreColumns() {
  return many.model.labels.length <= MOST_COLUMNS ? many.model.labels : [];
}

function showHead() {
  const names = ["Article", "Tags", ...scoreColumns()];
  const cells = names.map((name) => el("th", { scope: "col" }, name));
  $("table").tHead.replaceChildren(el("tr", {}, ...cells));
  $("table").tBodies[0].replaceChildren();
  $("progress-label").textContent = "Sending…";
  $("progress").value = 0;
  $("filters").replaceChildren();
}

const NONE = "no tag";
const REMARK = "a remark";

function groupsOf({ tags = [], note, error }) {
  return [...tags, ...(tags.length || error ? [] : [NONE]), ...(note || error ? [REMARK] : [])];
}

function showRows() {
  const { results, filter } = many;
  const counts = new Map();
  const matching = [];
  results.forEach((result, i) => {
    const groups = groupsOf(result);
    for (const group of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
    if (filter === null || groups.includes(filter)) matching.push(i);
  });
  showFilters(counts);
  $("table").tBodies[0].replaceChildren(...matching.slice(0, MOST_ROWS).map(tableRow));
  const rest = matching.length - MOST_ROWS;
  const first = `The first ${MOST_ROWS} of ${counted(matching.length, "article")} are shown`;
  say($("table-limit"), ...(rest > 0 ? [`${first}; the downloads hold all.`] : []));
}

function showFilters(counts) {
  const focused = document.activeElement?.closest("#filters button")?.group;
  const groups = [...many.model.labels, NONE, REMARK].filter((group) => counts.has(group));
  const buttons = [
    filterButton(null, "all", many.results.length),
    ...groups.map((group) => filterButton(group, group, counts.get(group))),
  ];
  $("filters").replaceChildren(...buttons);
  if (focused !== undefined) buttons.find(({ group }) => group === focused)?.focus();
}

function filterButton(group, name, n) {
  const pressed = String(many.filter === group);
  const words = `${name} ${n.toLocaleString("en")}`;
  return Object.assign(el("button", { type: "button", "aria-pressed": pressed }, words), { group });
}

function tableRow(i) {
  const { tags = [], scores = {}, note = "", error = "" } = many.results[i];
  const { id, title, text } = many.articles[i];
  const name = title || id || text.slice(0, 60).trim() || `row ${i + 1}`;
  const open = el("button", { type: "button", className: "open-row" }, name);
  Object.assign(open, { title: "Show the reasons", article: many.articles[i] });
  const numbers = scoreColumns().map((label) => {
    const given = tags.includes(label);
    const share = label in scores ? percent(scores[label]) : "–";
    return el("td", { className: given ? "given" : "" }, share);
  });
  const remark = note || error ? [el("small", { className: "remark" }, note || error)] : [];
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, error ? name : open, ...remark),
    el("td", {}, tags.join(", ") || "–"),
    ...numbers,
  );
}

// Downloads.

function csvOf({ articles, results, model: { labels } }) {
  const scoreNames = labels.map((label) => `score_${label}`);
  const head = ["id", "title", "tags", ...scoreNames, "coverage", "model", "note"];
  const lines = results.map((result, i) => {
    const { tags = [], scores = {}, coverage = "", note = "", error = "" } = result;
    const numbers = labels.map((label) => scores[label] ?? "");
    const { id, title } = articles[i];
    return [id, title, tags.join("|"), ...numbers, coverage, result.model ?? "", note || error];
  });
  // The mark lets spreadsheets see that it is UTF-8.
  return "\ufeff" + [head, ...lines].map((cells) => cells.map(csvCell).join(",") + "\r\n").join("");
}

/** Quote a cell, and put ' before what a spreadsheet would take for a formula. */
function csvCell(value) {
  if (typeof value === "number") return String(value);
  const safe = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function jsonlOf({ results }) {
  return results.map((result) => `${JSON.stringify(result)}\n`).join("");
}

function save(content, ending, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const stem = many.name.replace(/\.\w+$/, "");
  el("a", { href: address, download: `${stem}.tags.${ending}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

async function copyJson() {
  const place = $("json").querySelector("pre");
  try {
    await navigator.clipboard.writeText(place.textContent);
    $("copied").textContent = "Copied.";
  } catch {
    // The clipboard needs HTTPS or localhost; the reader can still copy a selection.
    getSelection().selectAllChildren(place);
    place.focus();
    $("copied").textContent = "Selected: copy it with Ctrl+C.";
  }
}

// What the reader does.

function written() {
  const [title, text] = [$("title").value, $("text").value];
  const same = (each) => each && each.title === title && each.text === text;
  const examples = [...$("examples").querySelectorAll("button")].map((each) => each.article);
  const id = examples.find(same)?.id;
  return tidy({ id, title: title.trim(), text });
}

function markStale() {
  if (!shown) return;
  const { title = "", text } = shown.article;
  $("stale").hidden = $("text").value === text && $("title").value.trim() === title.trim();
}

/** Put in a long paste at once: Chromium takes seconds for each hundred thousand characters. */
function paste(event) {
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (text.length < LONG_PASTE) return;
  event.preventDefault();
  const { selectionStart, selectionEnd } = event.target;
  event.target.setRangeText(text, selectionStart, selectionEnd, "end");
  markStale();
}

function choose(article) {
  $("title").value = article.title ?? "";
  $("text").value = article.text;
  return tagArticle(tidy(article));
}

function listenToForm() {
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    tagArticle(written());
  });
  $("form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
  });
  $("form").addEventListener("input", markStale);
  $("text").addEventListener("paste", paste);
  $("form").addEventListener("reset", () => {
    reading.abort();
    working(false);
    shown = null;
    $("single").hidden = true;
    $("empty").hidden = !$("many").hidden;
    say($("problem"));
  });
  $("again").addEventListener("click", () => $("form").requestSubmit());
  $("open").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async () => {
    await openFiles([...$("file").files]);
    $("file").value = "";
  });
}

function listenToResult() {
  $("bars").addEventListener("change", ({ target }) => showReasons(target.value));
  $("more-bars").addEventListener("click", () => {
    const { prediction } = shown.answer;
    showBars(prediction, new Set(prediction.tags), Infinity);
    showReasons(shown.order[0]);
    $("bar-rows").querySelector(":checked").focus();
  });
  $("all-terms").addEventListener("click", () => {
    const open = $("all-terms").getAttribute("aria-expanded") === "true";
    showTerms(open ? FEW_TERMS : Infinity);
  });
  $("correction").addEventListener("change", () => {
    const said = corrected("yes").length + corrected("no").length;
    $("correction").querySelector("button").disabled = !said;
    $("saved").textContent = "";
  });
  $("correction").addEventListener("submit", (event) => {
    event.preventDefault();
    saveCorrection();
  });
  $("models").addEventListener("change", switchModel);
  $("copy").addEventListener("click", copyJson);
}

function listenToMany() {
  $("columns").addEventListener("change", showSample);
  $("columns").addEventListener("submit", (event) => {
    event.preventDefault();
    tagMany();
  });
  $("cancel").addEventListener("click", () => running.abort());
  $("filters").addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    many.filter = button.group;
    showRows();
  });
  $("table").addEventListener("click", ({ target }) => {
    const button = target.closest(".open-row");
    if (button) choose(button.article);
  });
  $("save-csv").addEventListener("click", () => save(csvOf(many), "csv", "text/csv"));
  $("save-jsonl").addEventListener("click", () => save(jsonlOf(many), "jsonl", "text/plain"));
}

function listenToDrops() {
  let depth = 0;
  const holdsFiles = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])].includes("Files");
  const over = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", (event) => holdsFiles(event) && over(1));
  addEventListener("dragleave", (event) => holdsFiles(event) && over(-1));
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    over(-depth);
    if (!holdsFiles(event)) return;
    event.preventDefault();
    openFiles([...event.dataTransfer.files]);
  });
}

async function showExamples() {
  const examples = await ask("examples.json");
  const button = (article) =>
    Object.assign(el("button", { type: "button" }, article.title), { article });
  $("examples").replaceChildren(...examples.map((article) => el("li", {}, button(article))));
  $("examples").addEventListener("click", ({ target }) => {
    const chosenButton = target.closest("button");
    if (chosenButton) choose(chosenButton.article);
  });
}

async function showModel(name = "") {
  model = await ask(name ? `v1/model?model=${encodeURIComponent(name)}` : "v1/model");
  $("model").textContent = model.signature ?? model.name;
  const several = model.mode === "one" ? "Every article gets one." : "Several can fit, or none.";
  $("known-tags").textContent = `The tags it knows: ${model.labels.join(", ")}. ${several}`;
  fill($("models"), model.models ?? [], model.name);
  $("choose-model").hidden = (model.models ?? []).length < 2;
}

async function switchModel() {
  say($("problem"));
  try {
    await showModel($("models").value);
    if (shown) await tagArticle(shown.article);
  } catch (error) {
    showProblem(error);
  }
}

listenToForm();
listenToReader();
listenToResult();
listenToMany();
listenToDrops();
showExamples().catch(showProblem);
showModel().catch(showProblem);
