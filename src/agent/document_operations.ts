/**
 * The document as a whole: told to the command line, which works out what a file changes in it, and changed by all of
 * that in one edit.
 */
import type { Ip } from "../core/address.ts";
import { canonicalJson } from "../core/canonical.ts";
import type { EntryChange } from "../core/document/difference.ts";
import type { DocumentProblem } from "../core/document/document_problems.ts";
import { type Snapshot, snapshotParts } from "../core/document/document_wire.ts";
import { EditChanges } from "../core/document/edit_changes.ts";
import { Refusal } from "../core/refusal.ts";
import type { ServerEntry } from "../core/service/server.ts";
import {
  formatServiceName,
  type Service,
  serviceKey,
  vipsOfService,
} from "../core/service/service.ts";
import type { ApplyAnswer, ApplyOrder } from "../core/document/document_orders.ts";
import { commit, nodesByName, type OperationsOptions } from "./operation_tools.ts";
import { refuseMember } from "./server_operations.ts";
import { rowOfOthers, tryNewRow } from "./service_operations.ts";
import { refuseBadVip } from "./vip_operations.ts";

const ATTEMPTED = "apply the file";
/** Entries looked at in one go, so that a long file does not hold up the loop. */
const TURN_ENTRIES = 64;

/** The document, the nodes by name, and the digest by which an order names this very state. */
export function documentSnapshot(
  { agent, store }: Pick<OperationsOptions, "agent" | "store">,
): Snapshot {
  const { self, wallMs } = agent.state;
  const document = store.current();
  return {
    cluster: self.cluster,
    node: self.name,
    digest: store.digest(),
    wallMs,
    nodes: nodesByName(agent),
    ...snapshotParts(document),
  };
}

/** Applies edits to the document they were made for, all or none; or only says what stands against them here. */
export async function applyEdits(
  options: OperationsOptions,
  { base, edits, dryRun }: ApplyOrder,
): Promise<ApplyAnswer> {
  const { agent, store, table } = options;
  refuseOther(options, base);
  const collected = new EditChanges(store.current());
  for (const [index, edit] of edits.entries()) {
    if (index % TURN_ENTRIES === TURN_ENTRIES - 1) await nextTurn();
    collected.add(edit);
  }
  const changes = collected.list();
  const problems = await problemsHere(options, changes);
  if (problems.length > 0 || dryRun) return { message: "", problems };
  const added = changes.flatMap((change) =>
    change.part === "services" && change.before === undefined && change.after !== undefined
      ? [change.after]
      : []
  );
  const tried = agent.state.self.director ? oneOfEach(added) : [];
  const done: Service[] = [];
  try {
    for (const service of tried) {
      await tryNewRow(options, service, ATTEMPTED);
      done.push(service);
    }
    const stored = await commit(options, edits, { base });
    const count = changes.length;
    return {
      message: `${count} ${count === 1 ? "entry" : "entries"} changed, ${stored}`,
      problems: [],
    };
  } catch (error) {
    await table.apply(done.map((service) => ({ kind: "removeService", service })));
    await agent.rows.delete(done.map(serviceKey));
    throw error;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function refuseOther({ store }: OperationsOptions, base: string): void {
  if (store.digest() === base) return;
  throw new Refusal({
    attempted: ATTEMPTED,
    problem: "the cluster document has changed since the difference was shown",
    remedy: "look at the difference once more: run the command again",
  });
}

/** One service of every kind of row that the kernel may refuse: it knows best which schedulers it has. */
function oneOfEach(services: readonly Service[]): Service[] {
  const kinds = new Map<string, Service>();
  for (const service of services) {
    const { scheduler, protocol, persistence } = service;
    const kind = `${scheduler} ${protocol} ${persistence?.engine}`;
    if (!kinds.has(kind)) kinds.set(kind, service);
  }
  return [...kinds.values()];
}

/** What stands against the changes on this machine and in this cluster. */
async function problemsHere(
  options: OperationsOptions,
  changes: readonly EntryChange[],
): Promise<DocumentProblem[]> {
  const interfaces = new Map<Ip, string | null>();
  for (const change of changes) {
    if (change.part === "vips" && change.after !== undefined) {
      interfaces.set(change.key, change.after.interface);
    }
  }
  const services = new Map(
    changes.flatMap((change) =>
      change.part === "services" && change.after !== undefined ? [[change.key, change.after]] : []
    ),
  );
  const foreign = await rowOfOthers(options, services);
  const problems: DocumentProblem[] = [];
  for (const [index, change] of changes.entries()) {
    if (index % TURN_ENTRIES === TURN_ENTRIES - 1) {
      await nextTurn();
    }
    const problem = problemOf(options, change, { interfaces, services }) ??
      (change.part === "services" && change.before === undefined ? foreign(change.key) : null);
    if (problem !== null) problems.push({ part: change.part, key: change.key, problem });
  }
  return [...problems, ...await markProblems(options, services)];
}

interface Context {
  readonly interfaces: ReadonlyMap<Ip, string | null>;
  /** Services that the changes put. */
  readonly services: ReadonlyMap<string, Service>;
}

function problemOf(
  options: OperationsOptions,
  change: EntryChange,
  context: Context,
): string | null {
  const { checkFiles } = options;
  if (change.after === undefined) return null;
  switch (change.part) {
    case "services": {
      const { after, before } = change;
      for (const vip of vipsOfService(after)) {
        const problem = vipProblem(options, vip, context);
        if (problem !== null) return problem;
      }
      const same = canonicalJson(before?.check ?? null) === canonicalJson(after.check);
      return same ? null : checkFiles(after.check);
    }
    case "vips":
      return change.before !== undefined && change.before.interface === change.after.interface
        ? null
        : vipProblem(options, change.key, context);
    case "servers":
      return change.before === undefined ? memberProblem(options, change.after, context) : null;
    default:
      return null;
  }
}

function vipProblem(
  { agent }: OperationsOptions,
  vip: Ip,
  { interfaces }: Context,
): string | null {
  if (agent.state.vips.includes(vip) && !interfaces.has(vip)) return null;
  return problemIn(() => refuseBadVip(agent, ATTEMPTED, vip, interfaces.get(vip) ?? null));
}

function memberProblem(
  options: OperationsOptions,
  entry: ServerEntry,
  { services }: Context,
): string | null {
  const service = services.get(entry.service) ??
    options.agent.state.document.services.get(entry.service);
  if (service === undefined) return null;
  return problemIn(() => refuseMember(options, ATTEMPTED, { service, entry }));
}

/** What a check refuses, as a line about one entry. */
function problemIn(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof Refusal) return `${error.problem}; ${error.remedy}`;
    throw error;
  }
}

/** Whether troop can mark packets here, asked once. */
async function markProblems(
  { agent, marks }: OperationsOptions,
  services: ReadonlyMap<string, Service>,
): Promise<DocumentProblem[]> {
  const marking = [...services].filter(([, service]) =>
    service.protocol === "fwm" && service.ports.length > 0
  );
  if (marking.length === 0 || !agent.state.self.director) return [];
  const backend = await marks.backend();
  if (!("problem" in backend)) return [];
  return marking.map(([key, service]) => ({
    part: "services",
    key,
    problem: `troop cannot mark packets here for ${
      formatServiceName(service)
    }: ${backend.problem}; ${backend.remedy}`,
  }));
}
