/**
 * The peers this node knew when it last ran, so that a restart finds the cluster even when every address in
 * the node's own file has gone stale.
 */
import { z } from "zod";
import { parseIp, PORT_MAX } from "../../core/address.ts";
import { nodeIdSchema } from "../../core/document/document.ts";
import { NODE_PATHS_MAX, NODES_MAX } from "../../core/limits.ts";
import { errorText, NO_NOTICES, type Notices } from "../log/notices.ts";
import type { StateFolder } from "../files/state_folder.ts";
import { readStateJson } from "../files/state_json.ts";

/** A peer and where it was last. */
const knownPeerSchema = z.object({
  id: nodeIdSchema,
  addresses: z.array(z.string().refine((text) => parseIp(text) === text)).min(1).max(
    NODE_PATHS_MAX,
  ),
  port: z.int().min(1).max(PORT_MAX),
});
/** See {@link knownPeerSchema}. */
export type KnownPeer = z.infer<typeof knownPeerSchema>;

/** Its name in the state folder. */
export const PEERS_FILE = "peers.json";
const peersFile = {
  name: PEERS_FILE,
  schema: z.object({ peers: z.array(knownPeerSchema).max(NODES_MAX) }),
};

/** Remembers peers in the state folder. */
export interface PeersFile {
  /** The peers as last remembered. */
  known(): readonly KnownPeer[];
  /** Replaces what is remembered; written soon, when it differs. A disk that refuses is reported, not thrown. */
  remember(peers: readonly KnownPeer[]): void;
  /** Resolves when what was remembered is written, or could not be. */
  settled(): Promise<void>;
}

/** Reads the file; a damaged one is set aside and nothing is known. */
export function openPeersFile(folder: StateFolder, notices: Notices = NO_NOTICES): PeersFile {
  const file = readStateJson(folder, peersFile);
  let known: readonly KnownPeer[] = file.content?.peers ?? [];
  let written = JSON.stringify(known);
  let writing: Promise<void> | undefined;
  async function writeChanges(): Promise<void> {
    for (let text = JSON.stringify(known); text !== written; text = JSON.stringify(known)) {
      // Counts as written even when it fails: the next change tries again, this one would only repeat the error.
      written = text;
      try {
        await folder.write(PEERS_FILE, file.encode({ peers: [...known] }));
      } catch (error) {
        notices.warn({ problem: errorText(error) }, "cannot remember the peers");
      }
    }
  }
  return {
    known: () => known,
    remember(peers) {
      known = boundedPeers(peers);
      writing ??= writeChanges().finally(() => writing = undefined);
    },
    settled: () => writing ?? Promise.resolve(),
  };
}

function boundedPeers(peers: readonly KnownPeer[]): KnownPeer[] {
  return [...peers].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, NODES_MAX)
    .map(({ id, addresses, port }) => ({
      id,
      addresses: addresses.slice(0, NODE_PATHS_MAX),
      port,
    }));
}
