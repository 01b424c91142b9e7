extension GenerationRequest {
  /// Requests for several answers to this one's prompt, to be submitted together.
  ///
  ///     let streams = try engine.submit(request.choices(4))
  ///
  /// The first one draws what this request draws alone. Each has a seed of its own, made from this one's if it has one, so
  /// that the same seed gives the same answers, whatever their number.
  public func choices(_ count: Int) -> [GenerationRequest] {
    (0..<UInt64(max(count, 0))).map { index in
      guard index > 0, let seed = options.seed else { return self }
      var choice = self
      choice.options.seed = Self.mixed(seed &+ index &* 0x9E37_79B9_7F4A_7C15)
      return choice
    }
  }

  /// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
  private static func mixed(_ value: UInt64) -> UInt64 {
    var value = value
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
