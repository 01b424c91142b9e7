/// When a waiting request is admitted; the names are TensorRT-LLM's.
public enum CapacityPolicy: String, Sendable, Hashable, Codable, CaseIterable {
  /// When the cache has blocks for its prompt and all that it may generate: it then runs to its end.
  case guaranteedNoEvict = "guaranteed-no-evict"
  /// When the cache has blocks for its prompt: more requests run at once. If the cache is full later, the least urgent
  /// one waits and computes its tokens again; so does a less urgent one when a more urgent one arrives.
  case maxUtilization = "max-utilization"
}
