/**
 * Every file of the state folder: what it is, and what becomes of a node that has lost it. The event log keeps its own
 * (see event_files.ts): a line of it that cannot be read is left out, and nothing else.
 */

/** The file of the cluster document: a replica. */
export const REPLICA_FILE = "document.bin";
/** What has changed in the document since. */
export const JOURNAL_FILE = "document.journal";

/** What is said of one file. */
export interface StateFile {
  /** What happens now that it is lost, for people. */
  readonly lost: string;
  /** Whether it only makes sense inside the cluster, and goes when the node leaves. */
  readonly ofCluster: boolean;
}

const DOCUMENT_LOST =
  "what it had is fetched from the peers; until one has sent it, or 30 s have passed, this node changes nothing";

/** By name. */
export const stateFiles: Readonly<Record<string, StateFile>> = {
  identity: {
    lost: "this node has a new id; for the others the old one is a dead node of the same name",
    ofCluster: false,
  },
  boot: { lost: "the wall clock is used instead", ofCluster: false },
  [REPLICA_FILE]: { lost: DOCUMENT_LOST, ofCluster: true },
  [JOURNAL_FILE]: { lost: DOCUMENT_LOST, ofCluster: true },
  "peers.json": {
    lost: "peers are found by `join` of troop.yaml, or find this node",
    ofCluster: true,
  },
  "records.json": { lost: "peers are heard of when they are connected", ofCluster: true },
  "tokens.json": {
    lost:
      "the token in troop.yaml counts; a rotation that was under way goes on with what peers say",
    ofCluster: true,
  },
  "claims.json": {
    lost:
      "VIPs that an earlier run left are not adopted, and the next claims get epochs above all others",
    ofCluster: true,
  },
  "vips.json": {
    lost: "VIPs whose services were removed meanwhile may stay on this machine until it restarts",
    ofCluster: true,
  },
  "rows.json": {
    lost:
      "rows of services that were removed meanwhile stay in the IPVS table; `ipvsadm -D` removes them",
    ofCluster: true,
  },
  "timeouts.json": {
    lost: "`troop leave` cannot put the table's timeouts back as they were before troop",
    ofCluster: true,
  },
  "switches.json": {
    lost: "`troop leave` cannot put switches back as they were before troop",
    ofCluster: true,
  },
};
