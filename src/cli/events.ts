/** `troop events`: what changed on a node, over restarts. */
import type { Command } from "commander";
import { parseDuration } from "../core/duration.ts";
import { eventKinds, EVENTS_LIMIT_MAX, type TroopEvent } from "../core/event.ts";
import type { Output } from "./context.ts";
import { addExamples, type Session, usage, writeLine } from "./session.ts";
import { printable, styleFor, type TextStyle, toned } from "./table_text.ts";
import { readNumber } from "./words.ts";

/** Events of a call that names no number and no time. */
const LIMIT_DEFAULT = 40;
/** Width of the column that says what an event is about. */
const KIND_WIDTH = Math.max(...eventKinds.map((kind) => kind.length));
/** Width of a time to the second, without its zone. */
const TIME_WIDTH = 19;
const GAP = "  ";
/** Narrowest column of text; below, lines are left to the terminal. */
const TEXT_WIDTH_MIN = 20;

interface Options {
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly since?: string;
  readonly number?: string;
}

/** Adds the verb. */
export function addEvents(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("events")
    .summary("what changed here: VIPs, nodes, servers, services")
    .description(
      "What changed on this node, over restarts: VIPs, nodes, servers, services, and\n" +
        `hooks that failed. Without options the last ${LIMIT_DEFAULT}.`,
    )
    .option("-f, --follow", "go on with those to come, until Ctrl-C")
    .option("-n, --number <n>", "the last so many")
    .option("--since <time>", "from a time on: 10m and 24h ago, or 2026-01-31T12:00:00Z")
    .option("--json", "for programs: one JSON object per line");
  addExamples(command, [
    "troop events",
    "troop events --follow",
    "troop events --since 24h --json",
    "troop events -n 1000",
  ]);
  command.action(async ({ follow = false, json = false, since, number }: Options) => {
    const sinceMs = since === undefined ? null : readSince(since, Date.now());
    const limit = number === undefined
      ? sinceMs === null ? LIMIT_DEFAULT : null
      : readNumber("read events", {
        option: "--number",
        text: number,
        min: 0,
        max: EVENTS_LIMIT_MAX,
      });
    const events = context.connect(session.home()).events({ limit, sinceMs, follow });
    let first = true;
    for await (const event of events) {
      writeEvent(context.stdout, event, {
        json,
        first,
        style: styleFor(context.stdout, context.env),
      });
      first = false;
    }
    if (first && !json) writeLine(context.stdout, "no events");
  });
}

function writeEvent(
  stdout: Output,
  event: TroopEvent,
  { json, first, style }: {
    readonly json: boolean;
    readonly first: boolean;
    readonly style: TextStyle;
  },
): void {
  if (json) return writeLine(stdout, JSON.stringify(event));
  if (first) stdout.write(toned(headingText(), "heading", style) + "\n");
  stdout.write(eventText(event, style));
}

function headingText(): string {
  return ["TIME (UTC)".padEnd(TIME_WIDTH), "ABOUT".padEnd(KIND_WIDTH), "WHAT HAPPENED"].join(GAP);
}

/** One event, its text under itself where a line is too short for it. */
export function eventText({ time, kind, level, text }: TroopEvent, style: TextStyle): string {
  const head = `${time.slice(0, TIME_WIDTH).replace("T", " ")}${GAP}${
    kind.padEnd(KIND_WIDTH)
  }${GAP}`;
  const room = style.width === undefined ? Infinity : style.width - head.length;
  const lines = room < TEXT_WIDTH_MIN ? [printable(text)] : wrapped(printable(text), room);
  const tone = level === "warn" ? "warning" : "plain";
  return lines.map((line, index) =>
    `${index === 0 ? head : " ".repeat(head.length)}${toned(line, tone, style)}\n`
  ).join("");
}

/** Lines of at most `room` characters, broken between words where there are any. */
function wrapped(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= room) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    for (; line.length > room; line = line.slice(room)) lines.push(line.slice(0, room));
  }
  return [...lines, line];
}

/** A time, or how long ago; ms since 1970. */
function readSince(text: string, nowMs: number): number {
  const agoMs = parseDuration(text);
  const sinceMs = agoMs === undefined ? Date.parse(text) : nowMs - agoMs;
  if (Number.isFinite(sinceMs) && sinceMs >= 0) return sinceMs;
  throw usage(
    "read events",
    `--since "${text}" is no time`,
    "write for example 10m, 24h or 2026-01-31T12:00:00Z",
  );
}
