/**
 * The count behind the setting `quorum majority`: see core/cluster/quorum.ts.
 */

/** How many members this node hears. */
export interface Quorum {
  readonly members: number;
  /** This node included. */
  readonly heard: number;
  /** Whether a VIP has no holder that is heard: all keep the fast beat then. */
  readonly wanting: boolean;
}
