/**
 * Tries one row of the table: starts the server, asks, breaks it, asks, repairs it, asks again.
 */
import type { ProbeResult, ProbeTarget } from "../../src/ports.ts";
import { createProbe, type Probe } from "../../src/shell/probe/probes.ts";
import { targetAt } from "../shell/probe/scripted_server.ts";
import { type Failure, ofConnections, onTheWayFailures, silent } from "./failures.ts";
import { startFaultyDatagrams } from "./faulty_datagrams.ts";
import { type Fault, type FaultyProxy, startFaultyProxy } from "./faulty_proxy.ts";
import { type RealServer, startServer } from "./real_server.ts";
import type { Row } from "./row.ts";
import { CERTIFICATE_NAME, serverCertificate } from "./server_certificates.ts";

/** Time a healthy server has to answer, ms: a generous one, the machine may be busy. */
export const TIMEOUT_MS = 5_000;
/** Time a silent one has: it is waited for to the end. */
export const SILENT_TIMEOUT_MS = 600;
/** Looks at a server between its start and its first good answer, and the time between two, ms. */
const FIRST_LOOKS_MAX = 40;
const FIRST_LOOK_MS = 100;
/** A server whose first answers are silence is given up sooner, ms. */
const FIRST_LOOKS_MS_MAX = 12_000;
/** Something that is no protocol anybody speaks, with line ends and zero bytes in it. */
const GARBAGE = Buffer.from("\x00\x01garbage \xff\xfe~~~\r\n".repeat(8), "latin1");
const BLOCK = Buffer.alloc(65_536, "x");

/** What came of one failure. */
export interface Cell {
  readonly failure: Failure;
  readonly timeoutMs: number;
  /** With the failure. */
  readonly broken: ProbeResult;
  /** After it. */
  readonly repaired: ProbeResult;
  /** Bytes an endless answer brought in; else 0. */
  readonly floodBytes: number;
}

/** What came of a row. */
export interface RowOutcome {
  readonly row: Row;
  /** The server, untouched: asked directly and through the proxy. */
  readonly healthy: readonly ProbeResult[];
  readonly cells: readonly Cell[];
  /** Why the row did not come to its end; null when it did. */
  readonly problem: string | null;
}

/** Never rejects. */
export async function runRow(row: Row): Promise<RowOutcome> {
  const healthy: ProbeResult[] = [];
  const cells: Cell[] = [];
  try {
    const good = await serverCertificate("good");
    await using server = await startServer(row.launcher, good);
    const bench = new Bench(row, server, createProbe([good.authority]));
    healthy.push(await bench.firstLook());
    await onTheWay(row, server, bench, { healthy, cells });
    await bench.ofServer(cells);
    await bench.ofCheck(cells);
    if (row.secure) {
      cells.push(await bench.untrusted(createProbe()));
      cells.push(await bench.wrongName());
      cells.push(await expired(row, bench));
    }
    return { row, healthy, cells, problem: null };
  } catch (error) {
    return { row, healthy, cells, problem: (error as Error).message };
  }
}

/** Everything a proxy between probe and server can do. */
async function onTheWay(
  row: Row,
  server: RealServer,
  bench: Bench,
  { healthy, cells }: { readonly healthy: ProbeResult[]; readonly cells: Cell[] },
): Promise<void> {
  const udp = row.transport === "udp";
  using proxy = await (udp ? startFaultyDatagrams : startFaultyProxy)(server.port(row.port));
  healthy.push(await bench.ask(proxy.port));
  const answerBytes = proxy.sentBytes;
  for (const failure of onTheWayFailures) {
    if (udp && ofConnections.has(failure)) continue;
    cells.push(await bench.throughProxy(proxy, failure, answerBytes));
  }
}

/** A second server shows the certificate that has expired; the first one is the repaired one. */
async function expired(row: Row, bench: Bench): Promise<Cell> {
  const certificate = await serverCertificate("expired");
  await using server = await startServer(row.launcher, certificate);
  const broken = await new Bench(row, server, bench.probe).ask();
  return bench.cell("expired", broken);
}

/** A row's server with the probe that looks at it. */
class Bench {
  readonly probe: Probe;
  readonly #row: Row;
  readonly #server: RealServer;

  constructor(row: Row, server: RealServer, probe: Probe) {
    this.#row = row;
    this.#server = server;
    this.probe = probe;
  }

  /** Asks until the server answers well: some take connections before they can serve them. */
  async firstLook(): Promise<ProbeResult> {
    const startMs = performance.now();
    for (let look = 1;; look++) {
      const result = await this.ask();
      if (result.ok) return result;
      if (look === FIRST_LOOKS_MAX || performance.now() - startMs > FIRST_LOOKS_MS_MAX) {
        throw new Error(`the untouched server is not well: ${result.reason}`);
      }
      await Bun.sleep(FIRST_LOOK_MS);
    }
  }

  /** Asks once; by default the server itself. */
  async ask(
    port = this.#server.port(this.#row.port),
    { timeoutMs = TIMEOUT_MS, change = {}, probe = this.probe }: {
      timeoutMs?: number;
      change?: Record<string, unknown>;
      probe?: Probe;
    } = {},
  ): Promise<ProbeResult> {
    const target = targetAt(port, { ...this.#row.check, ...change, timeoutMs }) as ProbeTarget;
    const clock = { now: () => performance.now(), wallMs: () => Date.now() };
    const result = await probe(target, { clock, signal: new AbortController().signal });
    return result ?? { ok: false, reason: "nothing: the probe gave up", tookMs: 0 };
  }

  async cell(
    failure: Failure,
    broken: ProbeResult,
    { repaired, floodBytes = 0, timeoutMs = TIMEOUT_MS }: {
      repaired?: ProbeResult;
      floodBytes?: number;
      timeoutMs?: number;
    } = {},
  ): Promise<Cell> {
    return { failure, timeoutMs, broken, repaired: repaired ?? await this.ask(), floodBytes };
  }

  async throughProxy(proxy: FaultyProxy, failure: Failure, answerBytes: number): Promise<Cell> {
    const udp = this.#row.transport === "udp";
    // Of a closed port the kernel tells, which a busy machine may hear late.
    const waits = silent.has(failure) || (udp && failure !== "port closed");
    const timeoutMs = waits ? SILENT_TIMEOUT_MS : TIMEOUT_MS;
    if (failure === "port closed") await proxy.shut();
    else proxy.fault = faultOf(failure, this.#row, answerBytes);
    const broken = await this.ask(proxy.port, { timeoutMs });
    const floodBytes = failure === "flood" ? proxy.sentBytes : 0;
    if (failure === "port closed") await proxy.reopen();
    proxy.fault = { kind: "none" };
    const repaired = await this.ask(proxy.port);
    return this.cell(failure, broken, { repaired, floodBytes, timeoutMs });
  }

  /** What is done to the server's processes. */
  async ofServer(cells: Cell[]): Promise<void> {
    await this.#server.stop();
    const timeoutMs = SILENT_TIMEOUT_MS;
    const stopped = await this.ask(undefined, { timeoutMs });
    this.#server.goOn();
    cells.push(await this.cell("stopped", stopped, { timeoutMs }));
    await this.#server.kill();
    const killed = await this.ask();
    await this.#server.restart();
    cells.push(await this.cell("killed", killed, { repaired: await this.firstLook() }));
  }

  /** What the check asks for in vain. */
  async ofCheck(cells: Cell[]): Promise<void> {
    for (const failure of ["wrong answer", "wrong password"] as const) {
      const change = this.#row.changes?.[failure];
      if (change === undefined) continue;
      cells.push(await this.cell(failure, await this.ask(undefined, { change })));
    }
  }

  async untrusted(probe: Probe): Promise<Cell> {
    return this.cell("untrusted", await this.ask(undefined, { probe }));
  }

  async wrongName(): Promise<Cell> {
    const change = { serverName: "other.example.org", ...this.#otherHost() };
    return this.cell("wrong name", await this.ask(undefined, { change }));
  }

  #otherHost(): Record<string, unknown> {
    return this.#row.check["host"] === CERTIFICATE_NAME ? { host: "other.example.org" } : {};
  }
}

function faultOf(failure: Failure, row: Row, answerBytes: number): Fault {
  const half = Math.floor(answerBytes / 2);
  switch (failure) {
    case "reset":
      return { kind: "reset" };
    case "slow":
      return { kind: "drip", everyMs: SILENT_TIMEOUT_MS / 3 };
    case "stalled":
      return { kind: "stall", bytes: half };
    case "cut off":
      return { kind: "cut", bytes: half };
    case "garbage":
      return { kind: "say", bytes: GARBAGE };
    case "flood":
      return { kind: "flood", head: Buffer.from(row.floodHead ?? ""), block: BLOCK };
    default:
      return { kind: "none" };
  }
}
