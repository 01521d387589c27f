/**
 * The kernel's IPVS by generic netlink: table, sync daemons, timeouts.
 */
import { errnoName, KernelRequestError } from "./error.ts";
import {
  decodeDestination,
  decodeService,
  keyVersion,
  writeChange,
  writeCommand,
  writeGet,
} from "./ipvs_codec.ts";
import { IPVS_FAMILY_NAME } from "./ipvs_constants.ts";
import {
  decodeDaemon,
  decodeInfo,
  decodeTimeouts,
  type IpvsInfo,
  writeDeleteDaemon,
  writeNewDaemon,
  writeTimeouts,
} from "./ipvs_daemon_codec.ts";
import type {
  IpvsChange,
  IpvsDaemon,
  IpvsDestination,
  IpvsService,
  IpvsServiceKey,
  IpvsTimeouts,
} from "./ipvs_types.ts";
import { resolveFamily } from "./generic_family.ts";
import type { IncomingMessage } from "./netlink_message.ts";
import type { Libraries } from "./libraries.ts";
import type { AttributeWriter } from "./netlink_attribute.ts";
import { type DumpOptions, netlinkProtocols, NetlinkSocket } from "./netlink_socket.ts";

/** The verbs of IPVS. All are synchronous and short; errors throw {@link KernelRequestError} unless said otherwise. */
export interface Ipvs {
  /** Applies changes in order and returns one errno name for each, or null where it succeeded. */
  change(changes: readonly IpvsChange[]): (string | null)[];
  /** All services, some at a time. End the iteration before the next call of any verb. */
  services(): Iterable<IpvsService[]>;
  /** One service, or undefined. */
  service(key: IpvsServiceKey): IpvsService | undefined;
  /** The real servers of a service, some at a time. End the iteration before the next call of any verb. */
  destinations(key: IpvsServiceKey): Iterable<IpvsDestination[]>;
  daemons(): Required<IpvsDaemon>[];
  startDaemon(daemon: IpvsDaemon): void;
  stopDaemon(role: IpvsDaemon["role"]): void;
  info(): IpvsInfo;
  timeouts(): IpvsTimeouts;
  setTimeouts(timeouts: IpvsTimeouts): void;
  /**
   * Asks again for the family's number, which changes when the module is unloaded and loaded: the kernel
   * answers ENOENT to the old one, as it does for a missing scheduler.
   */
  refresh(): void;
  close(): void;
}

/** Appends the payload of a message. */
type Write = (writer: AttributeWriter) => void;

/** Opens IPVS. A kernel without it is noticed at the first verb, so that the module may be loaded later. */
export function openIpvs(libraries: Libraries): Ipvs {
  const socket = new NetlinkSocket(libraries, netlinkProtocols.generic);
  let known: number | undefined;
  const family = (operation: string) => {
    known ??= resolveFamily(libraries, IPVS_FAMILY_NAME);
    if (known !== undefined) return known;
    const detail = "kernel has no IPVS: load it with `modprobe ip_vs`";
    throw new KernelRequestError({ operation, code: "ENOENT", detail });
  };
  const ask: Ask = {
    query: (write, operation) =>
      socket.query({ type: family(operation), flags: 0, write }, operation),
    dump: (write, options) =>
      socket.dump({ type: family(options.operation), flags: 0, write }, options),
  };
  return {
    ...tableVerbs(ask),
    ...daemonVerbs(ask),
    change(changes) {
      const kind = { type: family("change the IPVS table"), flags: 0 };
      return socket.request(changes, kind, (change, writer) => writeChange(writer, change))
        .map(({ errno }) => errno === 0 ? null : errnoName(errno));
    },
    refresh() {
      known = undefined;
    },
    close: () => socket.close(),
  };
}

/** Questions to the family, with the payload that `write` appends. */
interface Ask {
  readonly query: (write: Write, operation: string) => IncomingMessage[];
  readonly dump: <Row>(write: Write, options: DumpOptions<Row>) => Generator<Row[]>;
}

function tableVerbs({ query, dump }: Ask): Pick<Ipvs, "services" | "service" | "destinations"> {
  return {
    services: () =>
      dump((writer) => writeCommand(writer, "getService"), {
        operation: "list IPVS services",
        decode: decodeService,
      }),
    service(key) {
      try {
        const answers = query((writer) => writeGet(writer, "getService", key), "get IPVS service");
        return answers.map((answer) => decodeService(answer.payload)).find((row) => row);
      } catch (error) {
        if (error instanceof KernelRequestError && error.code === "ESRCH") return undefined;
        throw error;
      }
    },
    destinations: (key) =>
      dump((writer) => writeGet(writer, "getDestination", key), {
        operation: "list IPVS real servers",
        decode: (payload) => decodeDestination(payload, keyVersion(key)),
      }),
  };
}

type DaemonVerbs = Pick<
  Ipvs,
  "daemons" | "startDaemon" | "stopDaemon" | "info" | "timeouts" | "setTimeouts"
>;

function daemonVerbs({ query, dump }: Ask): DaemonVerbs {
  const daemons = () =>
    [...dump((writer) => writeCommand(writer, "getDaemon"), {
      operation: "list sync daemons",
      decode: decodeDaemon,
    })].flat();
  return {
    daemons,
    startDaemon(daemon) {
      const { role, interface: name, syncId } = daemon;
      const operation = `start ${role} sync daemon ${syncId} on ${name}`;
      query((writer) => writeNewDaemon(writer, daemon), operation);
    },
    stopDaemon(role) {
      try {
        query((writer) => writeDeleteDaemon(writer, role), `stop ${role} sync daemon`);
      } catch (error) {
        // A daemon that has not yet run since it was started is stopped without an answer: its thread ends with
        // EINTR (kthread_stop), and for that error netlink sends no acknowledgement (netlink_rcv_skb).
        const silent = error instanceof KernelRequestError && error.code === "ETIMEDOUT";
        if (!silent || daemons().some((daemon) => daemon.role === role)) throw error;
      }
    },
    info() {
      const answers = query((writer) => writeCommand(writer, "getInfo"), "get IPVS version");
      const info = answers.map((answer) => decodeInfo(answer.payload)).find((found) => found);
      if (info !== undefined) return info;
      throw new KernelRequestError({ operation: "get IPVS version", code: "EBADMSG" });
    },
    timeouts() {
      const [answer] = query((writer) => writeCommand(writer, "getConfig"), "get IPVS timeouts");
      return decodeTimeouts(answer?.payload ?? new Uint8Array(0));
    },
    setTimeouts: (timeouts) =>
      void query((writer) => writeTimeouts(writer, timeouts), "set IPVS timeouts"),
  };
}
