// node tools/report_check.mjs OUT page.html ...: opens each page in headless Chromium at laptop and phone width, light and dark. A console message of level error, a request for
// anything but the page itself, and a page wider than the window are faults (status 1). Screenshots go to OUT, in slices of 2,000 pixels. Needs node and chromium; no npm packages.
import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

const [out, ...pages] = process.argv.slice(2);
const windows = { laptop: [1280, 900, 1, false], phone: [390, 844, 2, true] };
const slice = 2000;

const profile = mkdtempSync(join(tmpdir(), "miv-chromium-"));
const browser = spawn(process.env.CHROMIUM || "chromium", ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--hide-scrollbars",
  "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"], { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"] });
let said = "";
browser.stderr.on("data", (text) => { said += text; });
browser.on("error", (error) => { console.error(`chromium does not start: ${error.message}`); process.exit(2); });
const [, , , to, from] = browser.stdio;   // the DevTools protocol over a pipe: messages end in a zero byte

let count = 0;
const waiting = new Map();
const heard = [];
let unread = Buffer.alloc(0);
from.on("data", (bytes) => {
  unread = Buffer.concat([unread, bytes]);
  for (let end; (end = unread.indexOf(0)) >= 0; unread = unread.subarray(end + 1)) hear(JSON.parse(unread.subarray(0, end).toString()));
});
function hear(message) {
  if (!message.id) return heard.push(message);
  const [yes, no] = waiting.get(message.id);
  waiting.delete(message.id);
  message.error ? no(new Error(message.error.message)) : yes(message.result);
}
const ask = (method, params = {}, sessionId) => new Promise((yes, no) => { waiting.set(++count, [yes, no]); to.write(JSON.stringify({ id: count, method, params, sessionId }) + "\0"); });
const pause = (ms) => new Promise((go) => setTimeout(go, ms));

let faults = 0;
for (const page of pages) for (const [name, [width, height, scale, mobile]] of Object.entries(windows)) for (const scheme of ["light", "dark"]) {
  const { targetId } = await ask("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await ask("Target.attachToTarget", { targetId, flatten: true });
  const tell = (method, params) => ask(method, params, sessionId);
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await tell(`${domain}.enable`);
  await tell("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile });
  await tell("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  heard.length = 0;
  await tell("Page.navigate", { url: "file://" + resolve(page) });
  for (let i = 0; i < 100 && !heard.some((m) => m.method === "Page.loadEventFired"); i++) await pause(50);
  await pause(150);
  const value = async (expression) => (await tell("Runtime.evaluate", { expression, returnByValue: true })).result.value;
  const size = await value("[document.documentElement.scrollWidth, window.innerWidth, document.documentElement.scrollHeight, document.scripts.length, matchMedia('(prefers-color-scheme: dark)').matches]");
  const bad = [];
  for (const m of heard) {
    if (m.method === "Runtime.exceptionThrown") bad.push("exception: " + m.params.exceptionDetails.text);
    if (m.method === "Runtime.consoleAPICalled" && m.params.type === "error") bad.push("console: " + JSON.stringify(m.params.args));
    if (m.method === "Log.entryAdded" && m.params.entry.level === "error") bad.push("log: " + m.params.entry.text);
    if (m.method === "Network.requestWillBeSent" && !/^(file|data):/.test(m.params.request.url)) bad.push("request: " + m.params.request.url);
  }
  if (size[0] > size[1]) bad.push(`wider than the window: ${size[0]} > ${size[1]}`);
  if (size[3] > 0) bad.push(`${size[3]} scripts`);
  if (size[4] !== (scheme === "dark")) bad.push(`not ${scheme}`);
  faults += bad.length;
  console.log(`${basename(page)} ${name} ${scheme}: ${size[0]} of ${size[1]} px wide, ${size[2]} px long${bad.length ? "; " + bad.join("; ") : ", fine"}`);
  for (let y = 0, i = 1; y < size[2]; y += slice, i++) {
    const clip = { x: 0, y, width, height: Math.min(slice, size[2] - y), scale };
    const { data } = await tell("Page.captureScreenshot", { format: "png", clip, captureBeyondViewport: true });
    writeFileSync(join(out, `${basename(page, ".html")}-${name}-${scheme}-${i}.png`), Buffer.from(data, "base64"));
  }
  await ask("Target.closeTarget", { targetId });
}
const gone = new Promise((end) => browser.on("exit", end));
await ask("Browser.close").catch(() => {});
await gone;
for (const line of said.split("\n").filter((text) => /CONSOLE/.test(text))) { console.log("logged: " + line); faults++; }
rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
process.exit(faults ? 1 : 0);
