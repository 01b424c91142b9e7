import NeedletailGraph

/// How the choice of experts runs on a GPU (`experts/route.cu`): a warp a token, four a block.
public enum GPURoute {
  /// The most experts of a router, experts of a token, and groups of experts.
  public static let mostExperts = 512, mostChoices = 32, mostGroups = 32

  /// Whether the kernel chooses this way among so many experts.
  public static func applies(_ routing: Routing, experts: Int) -> Bool {
    experts <= mostExperts && routing.chosenCount <= min(experts, mostChoices)
      && (routing.groups?.count ?? 1) <= mostGroups
  }

  /// The launch.
  public static func launch(_ routing: Routing, rows: Dim, experts: Int, logits: DType) -> GPULaunch {
    precondition(applies(routing, experts: experts), "\(routing.chosenCount) of \(experts) experts")
    // Experts of a lane: a power of two, so that few sizes are compiled.
    var laneExperts = 1
    while laneExperts * 32 < experts { laneExperts *= 2 }
    let function = GPUFunction(
      "experts/route.cu", entry: "route",
      [
        "NT_LOGITS": Int(logits.rawValue), "NT_LANE_EXPERTS": laneExperts,
        "NT_SCORING": Int(routing.scoring.rawValue), "NT_GROUPED": (routing.groups?.count ?? 0) > 1 ? 1 : 0,
      ])
    return GPULaunch(function, grid: [GridExtent(rows, per: 4)], threads: 128, choice: "rule: a warp a token")
  }
}
