/**
 * A network for document stores in one process: updates are delivered at once, to those who are connected.
 */
import type { NodeId } from "../../../src/core/document/document.ts";
import type {
  DocumentHandlers,
  DocumentNetwork,
} from "../../../src/shell/document/document_network.ts";
import type { Frames } from "../../../src/shell/gossip/frames.ts";

/** See the head of this file. */
export interface MemoryNetwork {
  /** A node's way into the network. */
  join(id: NodeId): DocumentNetwork;
  /** Cuts a node off, or lets it back. */
  setConnected(id: NodeId, connected: boolean): void;
}

/** Makes an empty network. */
export function createMemoryNetwork(): MemoryNetwork {
  const handlers = new Map<NodeId, DocumentHandlers>();
  const cut = new Set<NodeId>();
  const reachable = (from: NodeId, to: NodeId) => !cut.has(from) && !cut.has(to);
  return {
    setConnected: (id, connected) => void (connected ? cut.delete(id) : cut.add(id)),
    join: (id) => ({
      attach: (own) => void handlers.set(id, own),
      publish(update) {
        const peers = [...handlers].filter(([peer]) => peer !== id && reachable(id, peer));
        for (const [, peer] of peers) peer.update(update);
        return Promise.resolve(peers.length);
      },
      open(peer) {
        const other = handlers.get(peer);
        if (other === undefined || !reachable(id, peer)) {
          return Promise.reject(new Error(`no connection to ${peer}`));
        }
        const [near, far] = createFramePair();
        other.serve(far).catch((error) => far.abort(String(error)));
        return Promise.resolve(near);
      },
    }),
  };
}

/** The two ends of a stream. */
export function createFramePair(): [Frames, Frames] {
  const there = createPipe();
  const back = createPipe();
  return [createEnd(back, there), createEnd(there, back)];
}

interface Pipe {
  put(frame: Uint8Array | Error): void;
  take(): Promise<Uint8Array>;
}

function createPipe(): Pipe {
  const frames: (Uint8Array | Error)[] = [];
  let waiting: (() => void) | undefined;
  return {
    put(frame) {
      frames.push(frame);
      waiting?.();
    },
    async take() {
      while (frames.length === 0) await new Promise<void>((resolve) => waiting = resolve);
      const frame = frames[0];
      if (!(frame instanceof Uint8Array)) throw frame;
      frames.shift();
      return frame;
    },
  };
}

function createEnd(incoming: Pipe, outgoing: Pipe): Frames {
  return {
    read: () => incoming.take(),
    write: (frame) => Promise.resolve(outgoing.put(frame.slice())),
    close: () => Promise.resolve(outgoing.put(new Error("closed"))),
    abort: (reason) => {
      incoming.put(new Error(reason));
      outgoing.put(new Error(reason));
    },
  };
}
