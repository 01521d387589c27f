/**
 * The parts into which the networks divide the cluster, and which machines of a part are to have its VIPs.
 */
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";

const PUBLIC = "eth0";

/** Machines that reach each other, directly or through others. */
export interface Part {
  readonly all: readonly SimNode[];
  /** Those of whom one is to hold each VIP. */
  readonly hosts: readonly SimNode[];
  /** Whether the hosts all know the same: else each may take itself for the only one, and all that is asked is that one does. */
  readonly agreed: boolean;
}

/**
 * The parts of which anything is promised: see README.md, "What it promises". Not so:
 * - where nothing tells a machine that hears the others that its public network is down;
 * - where some of the hosts do not reach each other by every network and a witness or a majority is asked, too, for each of
 *   them may be told something else;
 * - for one machine alone whose witness is silent: see cut_off.ts.
 */
export function partsOf(play: Play): Part[] {
  return connectedParts(play).flatMap((all) => {
    const hosts = hostsOf(play, all);
    const onLan = hosts.every((host) => play.cluster.lan.plugged(host, PUBLIC));
    if (hosts.length === 0 || !onLan || isAlone(play, all)) return [];
    const agreed = agree(play, all, hosts);
    return agreed || !isAdvised(play) ? [{ all, hosts, agreed }] : [];
  });
}

function isAdvised(play: Play): boolean {
  return play.witnesses.exist || wantsMajority(play);
}

/** Only one machine whose agent does not stand still, and its witness is silent: what it may hold depends on what fell silent first. */
function isAlone({ cluster, witnesses }: Play, all: readonly SimNode[]) {
  const [one, ...others] = all.filter(({ awake }) => awake);
  return one !== undefined && others.length === 0 && witnesses.sight(one) !== "none" &&
    !cluster.lan.reachesGateway(one);
}

/** Every machine with those that it reaches or that reach it, by whatever network, directly or through others. */
export function connectedParts({ cluster: { lan, nodes } }: Play): SimNode[][] {
  const left = new Set(nodes.filter((node) => node.powered && !node.clock.stopped));
  const touch = (a: SimNode, b: SimNode) =>
    a.paths.some((path) => lan.reaches(a, b, path) || lan.reaches(b, a, path));
  const parts: SimNode[][] = [];
  for (const first of left) {
    const part = [first];
    left.delete(first);
    for (const node of part) {
      for (const other of left) {
        if (!touch(node, other)) continue;
        part.push(other);
        left.delete(other);
      }
    }
    parts.push(part);
  }
  return parts;
}

/** Who has a carrier, and its witness, if that answers a director that could hold VIPs. */
function hostsOf({ cluster: { lan }, witnesses }: Play, part: readonly SimNode[]) {
  const upright = part.filter((node) => node.kernel.hasCarrier(PUBLIC));
  const contrast = upright.some((node) => isDirector(node) && witnesses.sight(node) === "answers");
  return upright.filter((node) =>
    !contrast || witnesses.sight(node) === "none" || lan.reachesGateway(node)
  );
}

/** Whether the hosts reach each other by every network, and all others hear the same of them. */
function agree(
  { cluster: { lan } }: Play,
  all: readonly SimNode[],
  hosts: readonly SimNode[],
): boolean {
  return all.every((node) =>
    hosts.every((host) =>
      node === host ||
      (hosts.includes(node)
        ? node.paths.every((path) => lan.joined(node, host, path))
        : lan.connected(node, host))
    )
  );
}

/** Whether the machine runs an agent that could hold VIPs. */
export function isDirector(node: SimNode): boolean {
  return node.awake && node.options.director !== false && node.agent?.state.phase === "running";
}

/** Whether this cluster asks for a majority. */
export function wantsMajority({ plan }: Play): boolean {
  return plan.shape.settings.quorum === "majority";
}

/** Whether so many of the nodes, all that could be heard included, are more than half of the cluster. */
export function isMajority({ cluster }: Play, nodes: readonly SimNode[]): boolean {
  return 2 * nodes.filter(isHeard).length > cluster.nodes.length;
}

/** Whether an agent runs there that others hear. */
export function isHeard({ awake, agent }: SimNode): boolean {
  return awake && agent?.state.phase !== "stopped";
}
