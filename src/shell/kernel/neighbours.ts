/**
 * The {@link Neighbours} port over packet sockets.
 *
 * Listening is what costs: a LAN is full of ARP and IPv6 that is none of our business, and Bun cannot wait
 * for a packet socket in its event loop. So there is a receiving socket only while somebody asks: the first question
 * about an interface opens one, and a timer looks into it every few ms until the question is answered or old. The socket
 * is kept for a while after that, unread: to close one makes the kernel wait until all its processors have noticed
 * (packet_release, synchronize_net), and the event loop with it. What it has heard meanwhile is thrown away.
 *
 * Questions never carry this node's address, so that asking cannot move a VIP in anybody's cache. Interfaces
 * are looked up by name again and again, since one that was made anew has another index and perhaps another
 * link-layer address.
 */
import {
  decodeAdvertisement,
  decodeArp,
  encodeAnonymousSolicitation,
  encodeArpProbe,
  encodeGratuitousArp,
  encodeUnsolicitedAdvertisement,
  formatMac,
  type FrameReceiver,
  type FrameSender,
  KernelRequestError,
  type Libraries,
  type Link,
  openFrameReceiver,
  openFrameSender,
  type Route,
} from "../../../ffi/mod.ts";
import { type Family, type Ip, ipFamily, ipFromBytes, ipToBytes } from "../../core/address.ts";
import { WITNESS_STALE_MS } from "../../core/timing.ts";
import type { NeighbourListener, Neighbours } from "../../ports.ts";

/** Time between two looks for answers, ms: an answer takes a millisecond, a claim waits for tens of them. */
const LOOK_MS = 5;
/** How long a question stays open, ms: who asked has then forgotten it. */
const QUESTION_MS = WITNESS_STALE_MS;
/** How long a receiver is kept without a question, ms: longer than between two questions to a gateway that answers. */
const KEPT_MS = 3_000;
/** Time between two looks whether a kept receiver may be closed, ms. */
const KEPT_LOOK_MS = 250;
/** Looks that throw away what a kept receiver has heard: its buffer holds no more frames than so many looks give. */
const DISCARDS_MAX = 16;
/** How long the list of links is believed, ms: many VIPs are asked for or announced in one go. */
const LINKS_MS = 20;

/** What neighbours are reached by; all of it is opened elsewhere. */
export interface NeighbourTools {
  readonly route: Pick<Route, "links">;
  readonly openSender: () => FrameSender;
  readonly openReceiver: (
    options: { readonly kind: "arp" | "advertisement"; readonly index: number },
  ) => FrameReceiver;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** The tools that reach the LAN for real. */
export function neighbourTools(libraries: Libraries, route: Route): NeighbourTools {
  return {
    route,
    openSender: () => openFrameSender(libraries),
    openReceiver: (options) => openFrameReceiver(libraries, options),
    now: () => performance.now(),
  };
}

/** An interface on which questions of one family are open. */
interface Ear {
  readonly interface: string;
  readonly family: Family;
  readonly index: number;
  readonly receiver: FrameReceiver;
  /** VIPs asked for, with the time at which each question closes. */
  readonly questions: Map<Ip, number>;
  /** When it last had a question. */
  busyMs: number;
}

/** Opens the port. Needs CAP_NET_RAW at the first announcement or question. */
export function createNeighbours(tools: NeighbourTools, listener: NeighbourListener): Neighbours {
  const sender = lazySender(tools);
  const links = cachedLinks(tools);
  const ears = openEars(tools, { listener, ownMacs: links.ownMacs });
  return {
    poll: ears.look,
    announce(vip, interfaceName) {
      const link = links.find(interfaceName, `announce ${vip} on ${interfaceName}`);
      if (link.noNeighbours) return;
      sender.send(announcement(vip, link.mac), link);
    },
    ask(vip, interfaceName) {
      const link = links.find(interfaceName, `ask for ${vip} on ${interfaceName}`);
      if (link.noNeighbours) return;
      ears.expect(vip, link);
      sender.send([question(vip, link.mac)], link);
    },
    close() {
      ears.close();
      sender.close();
    },
  };
}

/** The ears of a machine: one per interface and family that somebody asked about. */
function openEars(tools: NeighbourTools, hearing: Hearing) {
  const ears = new Map<string, Ear>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function closeEar(key: string, ear: Ear): void {
    ear.receiver.close();
    ears.delete(key);
    if (ears.size > 0) return;
    clearTimeout(timer);
    timer = undefined;
  }

  function schedule(): void {
    clearTimeout(timer);
    const asks = [...ears.values()].some(({ questions }) => questions.size > 0);
    timer = ears.size === 0
      ? undefined
      : setTimeout(() => (look(), schedule()), asks ? LOOK_MS : KEPT_LOOK_MS);
  }

  function look(): void {
    for (const [key, ear] of ears) {
      if (ear.questions.size === 0) {
        if (tools.now() - ear.busyMs >= KEPT_MS) closeEar(key, ear);
        continue;
      }
      const alive = tryToHear(ear, hearing);
      const now = tools.now();
      ear.busyMs = now;
      for (const [vip, closesMs] of ear.questions) {
        if (now >= closesMs) ear.questions.delete(vip);
      }
      if (!alive) closeEar(key, ear);
    }
  }

  function openEar(link: Link, family: Family): Ear {
    const key = `${family} ${link.name}`;
    const present = ears.get(key);
    if (present?.index === link.index && isFresh(present)) return present;
    if (present !== undefined) closeEar(key, present);
    const kind = family === 4 ? "arp" : "advertisement";
    const receiver = tools.openReceiver({ kind, index: link.index });
    const { name, index } = link;
    const ear: Ear = {
      interface: name,
      family,
      index,
      receiver,
      questions: new Map(),
      busyMs: tools.now(),
    };
    ears.set(key, ear);
    return ear;
  }

  return {
    look,
    /** Listens for answers to a question that is about to be asked. */
    expect(vip: Ip, link: Link): void {
      const ear = openEar(link, ipFamily(vip));
      const idle = ear.questions.size === 0;
      ear.questions.set(vip, tools.now() + QUESTION_MS);
      if (idle) schedule();
    },
    close(): void {
      for (const [key, ear] of ears) closeEar(key, ear);
    },
  };
}

/** Sends frames by a socket that is opened when it is first needed. */
function lazySender({ openSender }: Pick<NeighbourTools, "openSender">) {
  let sender: FrameSender | undefined;
  return {
    send(frames: readonly Uint8Array[], link: Link): void {
      sender ??= openSender();
      for (const frame of frames) sender.send(frame, link.index);
    },
    close(): void {
      sender?.close();
      sender = undefined;
    },
  };
}

/** Who is told, and which answers are this machine's own. */
interface Hearing {
  readonly listener: NeighbourListener;
  readonly ownMacs: () => ReadonlySet<string>;
}

/** When the interface went down or away, the next question opens it again, or says what is wrong. */
function tryToHear(ear: Ear, hearing: Hearing): boolean {
  try {
    hear(ear, hearing);
    return true;
  } catch (error) {
    if (error instanceof KernelRequestError) return false;
    throw error;
  }
}

/** Reports answers of others to open questions. Throws when the interface is gone. */
function hear(ear: Ear, { listener, ownMacs }: Hearing): void {
  for (const frame of ear.receiver.receive()) {
    const claim = ear.family === 4 ? arpClaim(frame) : advertisementClaim(frame);
    if (claim === undefined || !ear.questions.has(claim.vip)) continue;
    if (ownMacs().has(claim.mac)) continue;
    // One answer is enough: who needs to know whether it is still so asks again.
    ear.questions.delete(claim.vip);
    listener(claim.vip, ear.interface, claim.mac);
  }
}

/** Throws away what a kept receiver has heard since its last question; false when its interface is gone. */
function isFresh(ear: Ear): boolean {
  if (ear.questions.size > 0) return true;
  try {
    for (let looks = 0; looks < DISCARDS_MAX && ear.receiver.receive().length > 0; looks++);
    return true;
  } catch (error) {
    if (error instanceof KernelRequestError) return false;
    throw error;
  }
}

/** An address and who says to have it. A request says so as well as a reply: both carry their sender (RFC 5227, 2.1.1). */
function arpClaim(frame: Uint8Array): { readonly vip: Ip; readonly mac: string } | undefined {
  const packet = decodeArp(frame);
  if (packet === undefined) return undefined;
  return { vip: ipFromBytes(packet.senderAddress), mac: formatMac(packet.senderMac) };
}

function advertisementClaim(
  frame: Uint8Array,
): { readonly vip: Ip; readonly mac: string } | undefined {
  const advertisement = decodeAdvertisement(frame);
  if (advertisement === undefined) return undefined;
  return { vip: ipFromBytes(advertisement.target), mac: formatMac(advertisement.mac) };
}

function announcement(vip: Ip, mac: Uint8Array): Uint8Array[] {
  const address = ipToBytes(vip);
  if (ipFamily(vip) === 4) return encodeGratuitousArp(address, mac);
  return [encodeUnsolicitedAdvertisement(address, mac)];
}

function question(vip: Ip, mac: Uint8Array): Uint8Array {
  const address = ipToBytes(vip);
  return ipFamily(vip) === 4
    ? encodeArpProbe(address, mac)
    : encodeAnonymousSolicitation(address, mac);
}

/** The links of this machine, asked for at most every {@link LINKS_MS}. */
function cachedLinks({ route, now }: Pick<NeighbourTools, "route" | "now">) {
  let links: readonly Link[] = [];
  let readMs = -Infinity;
  function current(): readonly Link[] {
    if (now() - readMs < LINKS_MS) return links;
    links = route.links();
    readMs = now();
    return links;
  }
  return {
    find(name: string, operation: string): Link {
      const link = current().find((candidate) => candidate.name === name);
      if (link !== undefined) return link;
      throw new KernelRequestError({ operation, code: "ENODEV" });
    },
    /** Link-layer addresses of this machine: its own answers on a second interface of the same LAN are nobody else's. */
    ownMacs: (): ReadonlySet<string> => new Set(current().map((link) => formatMac(link.mac))),
  };
}
