/**
 * One service of a file: its lines made into an entry of the document, and back.
 */
import { parseIp } from "../address.ts";
import {
  type Check,
  type CheckFields,
  checkTexts,
  completeCheck,
  hideSecrets,
  readCheckText,
} from "../check.ts";
import { keepSecrets } from "../check/secrets.ts";
import { defaultCheck } from "../service/default_check.ts";
import { IPIP } from "../service/forwarding.ts";
import {
  flagNamesOf,
  formatSchedulerFlag,
  parseSchedulerFlag,
  PERSISTENCE_S_MAX,
  persistenceEngines,
  type Scheduler,
} from "../service/scheduling.ts";
import {
  formatPortRange,
  parsePortRange,
  type PortRange,
  type Service,
  serviceFamily,
  type ServiceName,
  serviceSchema,
} from "../service/service.ts";
import { readFields, readText, readTexts } from "./field.ts";
import { numberField, secondsField, secondsText, wordField } from "./field_codecs.ts";
import { serviceFields } from "./service_fields.ts";
import type { FileEntry, FileMap, FileNode, FileValue, Mistakes } from "./tree.ts";

/** Keys of a service that are more than a line of its own. */
const COMPOSITE = [
  "vips",
  "ports",
  "flags",
  "persistent",
  "netmask",
  "pe",
  "check",
  "check-set",
  "servers",
];
/** Scheduler where none is named, as on the command line. */
const SCHEDULER_DEFAULT = "wlc";

/** What reading a service needs to know. */
export interface ServiceReading {
  readonly name: ServiceName;
  readonly entry: FileEntry;
  readonly entries: readonly FileEntry[];
  /** As it is in the cluster; undefined when there is none. */
  readonly before: Service | undefined;
  readonly mistakes: Mistakes;
}

/** Reads a service; undefined when anything in it is wrong. */
export function readServiceEntry(reading: ServiceReading): Service | undefined {
  const { name, entry, entries, mistakes } = reading;
  const wrong = mistakes.count;
  const what = "a service";
  const named = readFields(entries, serviceFields, { what, others: COMPOSITE, mistakes });
  const find = (key: string) => entries.find((item) => item.key === key)?.value;
  const scheduler = (named["scheduler"] ?? SCHEDULER_DEFAULT) as Scheduler;
  const forwarding = named["forwarding"] ?? (named["tunnel"] === undefined ? "dr" : "tunnel");
  const ports = readPorts(find("ports"), mistakes);
  const settings = {
    scheduler,
    ...named,
    forwarding,
    tunnel: named["tunnel"] ?? (forwarding === "tunnel" ? IPIP : null),
    flags: readFlags(find("flags"), scheduler, mistakes),
    persistence: readPersistence(reading, find),
    check: readCheck(reading, ports),
    ...readMark(reading, find, ports),
  };
  if (mistakes.count > wrong) return undefined;
  const parsed = serviceSchema.safeParse({ ...name, ...settings });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path[0];
  const key = serviceFields.find(({ property }) => property === field)?.name;
  const at = key === undefined ? entry.at : entries.find((item) => item.key === key)?.at;
  mistakes.add(at ?? entry.at, issue?.message ?? "is not valid");
  return undefined;
}

function readMark(
  { name, entry, entries, mistakes }: ServiceReading,
  find: (key: string) => FileNode | undefined,
  ports: readonly PortRange[],
): object {
  const vips = find("vips");
  if (name.protocol !== "fwm") {
    const odd = entries.find(({ key }) => key === "vips" || key === "ports");
    if (odd !== undefined) {
      mistakes.add(odd.at, `${odd.key}: only a mark service has them beside its name`);
    }
    return {};
  }
  if (vips === undefined) {
    mistakes.add(entry.at, "vips: a mark says nothing about where its packets arrive: name them");
    return {};
  }
  return {
    vips: readTexts(vips, "vips", mistakes).flatMap(({ text, at }) => {
      const ip = parseIp(text);
      if (ip === undefined) mistakes.add(at, `vips: "${text}" is not an IP address`);
      return ip === undefined ? [] : [ip];
    }),
    ports,
  };
}

function readPorts(node: FileNode | undefined, mistakes: Mistakes): PortRange[] {
  if (node === undefined) return [];
  return readTexts(node, "ports", mistakes).flatMap(({ text, at }) => {
    const range = parsePortRange(text);
    if (range !== undefined) return [range];
    mistakes.add(at, `ports: "${text}" is not PROTOCOL/PORT: write for example tcp/80`);
    return [];
  });
}

function readFlags(
  node: FileNode | undefined,
  scheduler: Scheduler,
  mistakes: Mistakes,
): string[] {
  if (node === undefined) return [];
  return readTexts(node, "flags", mistakes).flatMap(({ text, at }) => {
    const flag = parseSchedulerFlag(scheduler, text) ??
      (/^flag-[123]$/.test(text) ? text : undefined);
    if (flag !== undefined) return [flag];
    const names = flagNamesOf(scheduler);
    mistakes.add(
      at,
      `flags: scheduler ${scheduler} has no "${text}"; ` +
        (names.length > 0 ? `it has ${names.join(", ")}` : "only sh and mh have flags"),
    );
    return [];
  }).sort();
}

function readPersistence(
  { name, entries, mistakes }: ServiceReading,
  find: (key: string) => FileNode | undefined,
): object | null {
  const readings = {
    timeoutS: [find("persistent"), secondsField(1, PERSISTENCE_S_MAX), "persistent"],
    prefixLength: [
      find("netmask"),
      numberField(1, serviceFamily(name) === 4 ? 32 : 128),
      "netmask",
    ],
    engine: [find("pe"), wordField(persistenceEngines), "pe"],
  } as const;
  const values: Record<string, unknown> = {};
  for (const [property, [node, read, key]] of Object.entries(readings)) {
    if (node === undefined) continue;
    const reading = readText(node, read);
    if ("problem" in reading) mistakes.add(node.at, `${key}: ${reading.problem}`);
    else values[property] = reading.value;
  }
  if (find("persistent") !== undefined) return values;
  const lone = entries.find(({ key }) => key === "netmask" || key === "pe");
  if (lone !== undefined) mistakes.add(lone.at, `${lone.key}: needs persistent beside it`);
  return null;
}

function readCheck(reading: ServiceReading, ports: readonly PortRange[]): Check | undefined {
  const { name, entry, entries, before, mistakes } = reading;
  const url = entries.find(({ key }) => key === "check")?.value;
  const set = entries.find(({ key }) => key === "check-set")?.value;
  const settings = set === undefined ? [] : readTexts(set, "check-set", mistakes);
  if (url !== undefined && url.kind !== "text") {
    mistakes.add(url.at, "check: must be a URL, or none");
    return undefined;
  }
  const texts = settings.map(({ text }) => text);
  const fields = readCheckText(url?.text, texts);
  const check = typeof fields === "string" ? fields : wholeCheck(name, ports, { url, fields });
  const kept = typeof check === "string" ? check : keepSecrets(check, before?.check);
  if (typeof kept !== "string") return kept;
  // The words name the option: that is where the mistake is.
  const option = /^option ([a-z-]+)/.exec(kept)?.[1];
  const setting = settings.find(({ text }) =>
    option !== undefined && text.startsWith(`${option}=`)
  );
  mistakes.add(setting?.at ?? url?.at ?? set?.at ?? entry.at, `check: ${kept}`);
  return undefined;
}

function wholeCheck(
  name: ServiceName,
  ports: readonly PortRange[],
  { url, fields }: { readonly url: FileNode | undefined; readonly fields: CheckFields },
): Check | string {
  return completeCheck(url === undefined ? { ...defaultCheck(name, ports), ...fields } : fields);
}

/** Writes a service, without its servers; without its secrets unless they are asked for. */
export function writeServiceEntry(service: Service, secrets: boolean): FileMap {
  const map: Record<string, FileValue> = {};
  if (service.protocol === "fwm") {
    map["vips"] = [...service.vips];
    if (service.ports.length > 0) map["ports"] = service.ports.map(formatPortRange);
  }
  for (const { name, write } of serviceFields) {
    const value = write(service);
    if (value !== undefined) map[name] = value;
    if (name !== "scheduler") continue;
    if (service.flags.length > 0) {
      map["flags"] = service.flags.map((flag) => formatSchedulerFlag(service.scheduler, flag));
    }
    if (service.persistence === null) continue;
    const { timeoutS, prefixLength, engine } = service.persistence;
    map["persistent"] = secondsText(timeoutS);
    if (prefixLength !== null) map["netmask"] = prefixLength;
    if (engine !== null) map["pe"] = engine;
  }
  const { url, settings } = checkTexts(secrets ? service.check : hideSecrets(service.check));
  map["check"] = url;
  if (settings.length > 0) map["check-set"] = settings;
  return map;
}
