/** A step of names, or several where only one way goes on, with all that is below it. */
export interface TreeNode<Row> {
  /** Steps joined with dots: `model.layers`. */
  name: string;
  /** What has exactly this name. */
  rows: Row[];
  children: TreeNode<Row>[];
}

/**
 * Names as a tree, in the order in which they come. A step that only one way goes on from is joined with the next one.
 * The root has no name.
 */
export function nameTree<Row extends { steps: readonly string[] }>(rows: readonly Row[]): TreeNode<Row> {
  const root = new Growing<Row>('');
  for (const row of rows) {
    let node = root;
    for (const step of row.steps) node = node.child(step);
    node.rows.push(row);
  }
  return { name: '', rows: root.rows, children: root.grown() };
}

class Growing<Row> {
  readonly rows: Row[] = [];
  private readonly children = new Map<string, Growing<Row>>();

  constructor(private readonly step: string) {}

  child(step: string): Growing<Row> {
    let child = this.children.get(step);
    if (child === undefined) {
      child = new Growing(step);
      this.children.set(step, child);
    }
    return child;
  }

  grown(): TreeNode<Row>[] {
    return Array.from(this.children.values(), child => {
      const steps = [child.step];
      let node: Growing<Row> = child;
      while (node.rows.length === 0 && node.children.size === 1) {
        node = node.children.values().next().value!;
        steps.push(node.step);
      }
      return { name: steps.join('.'), rows: node.rows, children: node.grown() };
    });
  }
}
