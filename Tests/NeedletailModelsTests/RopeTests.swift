import NeedletailGraph
import NeedletailJSON
import NeedletailModels
import Testing

@Suite struct RopeTests {
  /// Against `Fixtures/rope.json`, which `scripts/make-rope-frequencies` made with `transformers`: a power, a division and
  /// a product in float32 may each differ in the last place.
  @Test func frequenciesAreThoseOfTransformers() throws {
    let cases = try #require(try Fixture.json("rope.json").array)
    #expect(cases.count == 23)
    for item in cases {
      let name = try #require(item["name"]?.string)
      let json = try #require(item["config"])
      let config = try ConfigJSON(json)
      let length = try #require(item["length"]?.int)
      let rope = try Rope(
        config, headDim: config("head_dim", default: 16), maximumSequenceLength: config("max_position_embeddings"))
      let spec = rope.spec(maximumSequenceLength: length)
      let numbers = try #require(item["frequencies"]?.array)
      let expected = numbers.compactMap { $0.double.map { Float($0) } }
      let frequencies = spec.inverseFrequencies
      #expect(frequencies.count == expected.count, "\(name)")
      for (ours, theirs) in zip(frequencies, expected) {
        #expect(abs(ours - theirs) <= theirs * 3e-7, "\(name): \(frequencies) and not \(expected)")
      }
      let factor = Float(try #require(item["attentionFactor"]?.double))
      #expect(abs(spec.attentionFactor - factor) <= factor * 1e-6, "\(name)")
    }
  }

  /// What depends on a length depends on the engine's, from the first length over the original on.
  @Test func lengthIsTheEngines() throws {
    let dynamic = Rope(dimensions: 16, theta: 1e4, scaling: .dynamic(factor: 2, originalLength: 512))
    #expect(dynamic.spec(maximumSequenceLength: 1).theta == 1e4)
    #expect(dynamic.spec(maximumSequenceLength: 512).theta == 1e4)
    #expect(dynamic.spec(maximumSequenceLength: 513).theta > 1e4)
    let (short, long) = ([Float](repeating: 1, count: 8), [Float](repeating: 4, count: 8))
    let longRope = Rope(dimensions: 16, theta: 1e4, scaling: .longRope(short: short, long: long, originalLength: 512))
    #expect(longRope.spec(maximumSequenceLength: 512).scaling == .perDimension(factors: short))
    #expect(longRope.spec(maximumSequenceLength: 513).scaling == .perDimension(factors: long))
  }

  @Test func tracedGraphHasTheEnginesAngles() throws {
    let model = try ModelTable.standard.model(
      for: Fixture.config(["rope_scaling": ["type": "dynamic", "factor": 2]]))
    func tables(_ length: Int?) throws -> [RopeSpec] {
      try model.trace(maximumSequenceLength: length).nodes.compactMap {
        if case .ropeTable(let spec) = $0.op { spec } else { nil }
      }
    }
    #expect(try tables(nil) == [RopeSpec(dimensions: 16, theta: 10_000)])
    let long = try tables(2048)
    #expect(long.count == 1)
    #expect(long.allSatisfy { $0.theta > 70_000 })
  }

  @Test(
    arguments: [
      (
        ["rope_type": "wavy"],
        "config.json: \"rope_scaling.rope_type\" is \"wavy\", which is not known; known are default,"
      ),
      (["type": "wavy"], "config.json: \"rope_scaling.type\" is \"wavy\", which is not known; known are default,"),
      (["type": "linear"], "config.json has no \"rope_scaling.factor\""),
      (["type": "linear", "factor": 0], "config.json: \"rope_scaling.factor\" is 0.0, which is out of range"),
      (["type": "linear", "factor": "2"], "config.json: \"rope_scaling.factor\" is \"2\", not a finite number"),
      (["type": "dynamic", "factor": 0.5], "config.json: \"rope_scaling.factor\" of dynamic rope is 0.5"),
      (["rope_type": "llama3", "factor": 8], "config.json has no \"rope_scaling.low_freq_factor\""),
      (
        ["rope_type": "llama3", "factor": 8, "low_freq_factor": 5, "high_freq_factor": 4],
        "config.json: \"rope_scaling.low_freq_factor\" is 5.0, which is"
      ),
      (["rope_type": "longrope", "long_factor": [1, 2]], "config.json has no \"rope_scaling.short_factor\""),
      (
        ["rope_type": "longrope", "long_factor": [1, 2], "short_factor": [1, 2]],
        "config.json: \"rope_scaling.short_factor\" has 2 elements, not 8 positive ones"
      ),
      (["rope_type": "yarn", "original_max_position_embeddings": 0], "config.json: \"rope_scaling.original_max"),
      (["rope_theta": -1], "config.json: \"rope_scaling.rope_theta\" is -1.0, which is not positive"),
      (["full_attention": ["rope_type": "default"]], "config.json: \"rope_scaling.full_attention\" is an object"),
    ] as [(JSON, String)])
  func absurdFieldsAreSentences(_ scaling: JSON, _ sentence: String) {
    #expect(
      Fixture.complaint(["rope_scaling": scaling]).hasPrefix(sentence),
      "\(Fixture.complaint(["rope_scaling": scaling]))")
  }

  @Test func rotatedDimensionsAreEven() {
    #expect(Fixture.complaint(["head_dim": 15]).hasPrefix("config.json: rope turns 15 of a head's 15 dimensions"))
    #expect(Fixture.complaint(["partial_rotary_factor": 0.01]).hasPrefix("config.json: rope turns 0 of"))
    #expect(Fixture.complaint(["partial_rotary_factor": 1e300]).hasPrefix("config.json: rope turns 32 of"))
    #expect(Fixture.complaint(["rope_theta": 0.5]).hasPrefix("config.json: \"rope_theta\" is 0.5"))
  }
}
