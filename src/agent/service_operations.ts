/**
 * Adding, changing and removing virtual services.
 */
import { formatEndpoint } from "../core/address.ts";
import type { Check } from "../core/check.ts";
import { impossibleCheck } from "../core/check/impossible.ts";
import { serviceConflict } from "../core/document/conflicts.ts";
import type { Edit } from "../core/document/document.ts";
import { SERVICES_MAX } from "../core/limits.ts";
import { Refusal } from "../core/refusal.ts";
import { serverKey } from "../core/service/server.ts";
import {
  formatServiceName,
  nameOf,
  type Service,
  type ServiceChange,
  serviceKey,
  type ServiceName,
  vipsOfService,
} from "../core/service/service.ts";
import { changeService } from "../core/service/service_change.ts";
import type { TableService } from "../core/table/table.ts";
import {
  commit,
  entriesOf,
  type OperationsOptions,
  refuseFor,
  refuseIf,
  serviceNamed,
} from "./operation_tools.ts";
import { refuseBadVip, refuseTooManyVips } from "./vip_operations.ts";

/** Adds a service. */
export async function addService(options: OperationsOptions, service: Service): Promise<string> {
  const { agent, table } = options;
  const { state } = agent;
  const name = formatServiceName(service);
  const attempted = `add service ${name}`;
  const key = serviceKey(service);
  refuseIf(state.document.services.has(key), {
    attempted,
    problem: "it exists already",
    remedy: `see it with \`troop service list\`, change it with \`troop service set ${name}\``,
  });
  refuseIf(state.document.services.size >= SERVICES_MAX, {
    attempted,
    problem: `the cluster has ${SERVICES_MAX} services already, the most it takes`,
    remedy: "remove some first",
  });
  const vips = vipsOfService(service);
  refuseTooManyVips(agent, attempted, vips);
  for (const vip of vips) refuseBadVip(agent, attempted, vip);
  refuseImpossibleCheck(options, attempted, service.check);
  await refuseImpossible(options, attempted, service);
  if (state.self.director) await tryNewRow(options, service, attempted);
  try {
    return `service ${name} added, ${await commit(options, [{ kind: "putService", service }])}`;
  } catch (error) {
    if (state.self.director) await table.apply([{ kind: "removeService", service }]);
    await agent.rows.delete([key]);
    throw error;
  }
}

/** Changes a service in place: its connections go on. */
export async function setService(
  options: OperationsOptions,
  name: ServiceName,
  change: ServiceChange,
): Promise<string> {
  const { agent, table } = options;
  const attempted = `change service ${formatServiceName(name)}`;
  const before = serviceNamed(agent, attempted, name);
  const service = changeService(before, change);
  if (typeof service === "string") {
    throw new Refusal({
      attempted,
      problem: service,
      remedy: "see `troop service set --help` for what goes together",
    });
  }
  const vips = vipsOfService(service).filter((vip) => !vipsOfService(before).includes(vip));
  refuseTooManyVips(agent, attempted, vips);
  for (const vip of vips) refuseBadVip(agent, attempted, vip);
  // Another node may have what this one lacks: what was entered there can be changed in other respects here.
  if (change.check !== undefined) refuseImpossibleCheck(options, attempted, service.check);
  await refuseImpossible(options, attempted, service);
  const tries = agent.state.self.director && agent.rows.has(serviceKey(name));
  if (tries) await tryChangedRow(options, service, attempted);
  try {
    const stored = await commit(options, [{ kind: "putService", service }]);
    return `service ${formatServiceName(name)} changed, ${stored}`;
  } catch (error) {
    if (tries) await table.apply([{ kind: "editService", service: bareRow(before) }]);
    throw error;
  }
}

/** Removes a service, and what is said of its servers. */
export async function removeService(
  options: OperationsOptions,
  name: ServiceName,
): Promise<string> {
  const { agent } = options;
  const attempted = `remove service ${formatServiceName(name)}`;
  const service = serviceNamed(agent, attempted, name);
  const edits: Edit[] = entriesOf(agent, service).map((entry) => ({
    kind: "removeServer",
    key: serverKey(entry),
  }));
  const stored = await commit(options, [
    ...edits,
    { kind: "removeService", key: serviceKey(service) },
  ]);
  return `service ${formatServiceName(name)} removed, ${stored}`;
}

/** What is wrong with a check that its schema takes, here and anywhere. */
function refuseImpossibleCheck(
  { checkFiles }: OperationsOptions,
  attempted: string,
  check: Check,
): void {
  refuseFor(impossibleCheck(check) ?? checkFiles(check), {
    attempted,
    remedy: `see \`troop check kinds ${check.kind}\``,
  });
}

/** What stands against the service in the document, and on this machine when troop is to mark its packets. */
async function refuseImpossible(
  { agent, marks }: OperationsOptions,
  attempted: string,
  service: Service,
): Promise<void> {
  refuseFor(serviceConflict(agent.state.document, service), {
    attempted,
    remedy: "`troop service list` and `troop vip list` show what is there",
  });
  const marking = service.protocol === "fwm" && service.ports.length > 0;
  if (!marking || !agent.state.self.director) return;
  const backend = await marks.backend();
  if ("problem" in backend) {
    const { problem, remedy } = backend;
    throw new Refusal({
      attempted,
      problem: `troop cannot mark packets here: ${problem}`,
      remedy: `${remedy}, or leave --ports out and make the rules yourself`,
    });
  }
}

/** The row without servers, for a trial. */
function bareRow(service: Service): TableService {
  const { scheduler, flags, onePacket, persistence } = service;
  return { ...nameOf(service), scheduler, flags, onePacket, persistence, servers: [] };
}

const LACKING = "`troop doctor` shows what this machine lacks";

/** The kernel knows best what it takes, and which schedulers it has: the row is tried before anybody is told of it. */
export async function tryNewRow(
  { agent, table }: OperationsOptions,
  service: Service,
  attempted: string,
): Promise<void> {
  const lacking = { attempted, remedy: LACKING };
  const present = await table.get(nameOf(service)).catch((error: Error) => {
    throw new Refusal({ ...lacking, problem: error.message }, { cause: error });
  });
  const key = serviceKey(service);
  refuseIf(present !== null && !agent.rows.has(key), {
    attempted,
    problem: `the kernel of ${agent.state.self.name} has it already, and not from troop`,
    remedy: `take it out first with \`ipvsadm -D ${ipvsadmName(service)}\``,
  });
  // Noted first: after a crash in between it is known whose row that is.
  await agent.rows.add([key]);
  const [error] = await table.apply([{ kind: "addService", service: bareRow(service) }]);
  if (error !== null && error !== undefined) {
    if (present === null) await agent.rows.delete([key]);
    throw new Refusal({ ...lacking, problem: error.message }, { cause: error });
  }
}

/** Tells of new services whether the kernel has a row of that name that is not troop's; asked once for all of them. */
export async function rowOfOthers(
  { agent, table }: OperationsOptions,
  services: ReadonlyMap<string, Service>,
): Promise<(key: string) => string | null> {
  if (services.size === 0 || !agent.state.self.director) return () => null;
  const present = new Set((await table.list()).map(serviceKey));
  return (key) => {
    const service = services.get(key);
    if (service === undefined || !present.has(key) || agent.rows.has(key)) return null;
    return `the kernel of ${agent.state.self.name} has it already, and not from troop; ` +
      `take it out first with \`ipvsadm -D ${ipvsadmName(service)}\``;
  };
}

/** A change the kernel refuses leaves its row as it was (ip_vs_edit_service in ip_vs_ctl.c). */
async function tryChangedRow(
  { table }: OperationsOptions,
  service: Service,
  attempted: string,
): Promise<void> {
  const [error] = await table.apply([{ kind: "editService", service: bareRow(service) }]);
  if (error === null || error === undefined) return;
  throw new Refusal({ attempted, remedy: LACKING, problem: error.message }, { cause: error });
}

function ipvsadmName(service: Service): string {
  if (service.protocol === "fwm") return `-f ${service.mark}${service.family === 6 ? " -6" : ""}`;
  const flags = { tcp: "-t", udp: "-u", sctp: "--sctp-service" } as const;
  return `${flags[service.protocol]} ${formatEndpoint(service)}`;
}
