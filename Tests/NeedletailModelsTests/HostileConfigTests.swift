import NeedletailJSON
import NeedletailModels
import Testing

/// Whatever a config says, a model is built and traced or an error thrown; nothing traps.
@Suite struct HostileConfigTests {
  static let values: [JSON] = [
    .null, true, -1, 0, 1, 2, 3, 7, 64, 1000, 0.5, 1e-300, 1e300, -0.0, .int(.max), .int(.min), .int(1 << 21), "", "64",
    [], [1], [[1]], [:], ["a": 1], .string(String(repeating: "a", count: 10_000)),
  ]

  private func tryOut(_ fields: [String: JSON]) {
    guard
      let model = try? ModelTable.standard.model(for: Fixture.config(["num_hidden_layers": 1].merging(fields) { $1 }))
    else { return }
    for length in [1, Int(Int32.max)] {
      guard let graph = try? model.trace(maximumSequenceLength: length) else { continue }
      for case .ropeTable(let spec) in graph.nodes.map(\.op) {
        #expect(spec.inverseFrequencies.allSatisfy { $0.isFinite && $0 >= 0 }, "\(fields)")
        #expect(spec.attentionFactor.isFinite, "\(fields)")
      }
    }
  }

  @Test(arguments: [
    "model_type", "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim",
    "vocab_size", "max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_scaling", "rope_parameters",
    "partial_rotary_factor", "original_max_position_embeddings", "tie_word_embeddings", "attention_bias", "mlp_bias",
    "hidden_act", "sliding_window", "layer_types",
  ])
  func fields(_ field: String) {
    for value in Self.values {
      tryOut([field: value])
      tryOut(["model_type": "mistral"].merging([field: value]) { $1 })
    }
  }

  @Test func layerCounts() {
    for value in Self.values where value != .int(1 << 21) { tryOut(["num_hidden_layers": value]) }
    #expect(Fixture.complaint(["num_hidden_layers": .int(1 << 21)]).contains("not between 1 and 10000"))
  }

  @Test(arguments: ["default", "linear", "dynamic", "llama3", "yarn", "longrope"])
  func fieldsOfRope(_ type: String) {
    let factors = JSON.array(Array(repeating: 1.5, count: 8))
    let usual: [(String, JSON)] = [
      ("rope_type", .string(type)), ("factor", 4), ("low_freq_factor", 1), ("high_freq_factor", 4), ("beta_fast", 32),
      ("beta_slow", 1), ("mscale", 1), ("mscale_all_dim", 0.5), ("attention_factor", 1.5), ("truncate", true),
      ("original_max_position_embeddings", 64), ("short_factor", factors), ("long_factor", factors),
      ("rope_theta", 10_000), ("partial_rotary_factor", 1),
    ]
    for (field, _) in usual {
      for value in Self.values {
        var group = JSONObject(usual)
        group[field] = value
        tryOut(["rope_scaling": .object(group)])
        group["attention_factor"] = nil
        tryOut(["rope_parameters": .object(group)])
      }
    }
  }
}
