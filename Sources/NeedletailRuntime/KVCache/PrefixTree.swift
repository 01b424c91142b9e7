/// Who may share blocks with whom: equal tokens under another root are another prefix.
public enum PrefixRoot: Sendable, Hashable {
  /// All requests with this salt; the empty one is that of requests without a salt.
  case shared(salt: String)
  /// The requests of one submission only, by the first one's name; a single one finds its own blocks after it was preempted.
  case group(RequestID)
}

/// Which full blocks of the cache hold which beginnings of texts.
///
/// A tree with a node for each block: a block's keys and values depend on its own tokens and all before them, so a node is
/// named by its parent and its tokens. Tokens are compared, not hashes of them (the dictionary's hash is seeded for each
/// process), so that no two texts can be taken for each other, by accident or on purpose.
struct PrefixTree: Sendable {
  private struct Key: Hashable, Sendable {
    /// The block before; -1 for a text's first.
    var parent: Int32
    /// Of a text's first block.
    var root: PrefixRoot?
    var tokens: [Int32]

    func hash(into hasher: inout Hasher) {
      hasher.combine(parent)
      hasher.combine(root)
      tokens.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
  }

  private struct Node: Sendable {
    var key: Key
    var childCount = 0
    /// The step that computes the block; other sequences of the same step cannot read it yet.
    var step: UInt64
  }

  private var blocks: [Key: Int32] = [:]
  /// By block.
  private var nodes: [Node?]
  /// Blocks that were ever added; tells whether a failed search can be repeated in vain.
  private(set) var additionCount: UInt64 = 0

  init(blockCount: Int) { nodes = Array(repeating: nil, count: blockCount) }

  /// Blocks in the tree.
  var count: Int { blocks.count }

  func contains(_ block: Int32) -> Bool { nodes[Int(block)] != nil }

  /// The block that follows `parent` (nil: the first one under `root`) with these tokens.
  func block(after parent: Int32?, _ root: PrefixRoot, _ tokens: ArraySlice<Int32>) -> Int32? {
    blocks.isEmpty ? nil : blocks[Self.key(parent, root, tokens)]
  }

  /// Whether the block is computed by this step.
  func isPending(_ block: Int32, in step: UInt64) -> Bool { nodes[Int(block)]?.step == step }

  /// Adds a block where there is none.
  mutating func add(_ block: Int32, after parent: Int32?, _ root: PrefixRoot, _ tokens: ArraySlice<Int32>, step: UInt64)
  {
    precondition(nodes[Int(block)] == nil, "block \(block) is in the tree")
    let key = Self.key(parent, root, tokens)
    precondition(blocks.updateValue(block, forKey: key) == nil, "the tokens of block \(block) are in the tree")
    nodes[Int(block)] = Node(key: key, step: step)
    if let parent {
      precondition(nodes[Int(parent)] != nil, "block \(parent) has a child and is not in the tree")
      nodes[Int(parent)]?.childCount += 1
    }
    additionCount += 1
  }

  /// Takes out a block that has no children.
  mutating func remove(_ block: Int32) {
    guard let node = nodes[Int(block)] else { preconditionFailure("block \(block) is not in the tree") }
    precondition(node.childCount == 0, "block \(block) has \(node.childCount) children")
    blocks[node.key] = nil
    nodes[Int(block)] = nil
    if node.key.parent >= 0 { nodes[Int(node.key.parent)]?.childCount -= 1 }
  }

  private static func key(_ parent: Int32?, _ root: PrefixRoot, _ tokens: ArraySlice<Int32>) -> Key {
    Key(parent: parent ?? -1, root: parent == nil ? root : nil, tokens: Array(tokens))
  }
}

extension PrefixTree {
  /// The block before, for each block of the tree; nil for a text's first. Traps unless names and counts agree.
  func parents(blockSize: Int) -> [Int32: Int32?] {
    var parents: [Int32: Int32?] = [:]
    var children: [Int32: Int] = [:]
    for (block, node) in nodes.enumerated() {
      guard let node else { continue }
      let parent = node.key.parent < 0 ? nil : node.key.parent
      parents[Int32(block)] = .some(parent)
      if let parent { children[parent, default: 0] += 1 }
      precondition(node.key.tokens.count == blockSize, "block \(block) has \(node.key.tokens.count) tokens")
      precondition((node.key.root == nil) == (parent != nil), "block \(block) has a root and a parent, or neither")
      precondition(blocks[node.key] == Int32(block), "block \(block) is not found by its tokens")
    }
    precondition(parents.count == blocks.count, "\(parents.count) nodes, \(blocks.count) names")
    for (block, node) in nodes.enumerated() {
      let count = children[Int32(block)] ?? 0
      precondition(node?.childCount ?? 0 == count, "block \(block) has \(count) children, counted otherwise")
    }
    return parents
  }
}
