import NeedletailCheckpoint
import NeedletailJSON
import Testing

@Suite(.enabled(if: CommandLineProgram.isAvailable))
struct OtherCommandsTests {
  @Test func tokenizeTurnsTextIntoIDsAndBack() {
    let text = "Grüße, 世界!  "
    let ids = CommandLineProgram.run(["tokenize", "--model", CommandLineProgram.demo, "--text", text, "--no-special"])
    #expect(ids.code == 0)
    let back = CommandLineProgram.run(
      ["tokenize", "--model", CommandLineProgram.demo, "--decode", "--text", ids.output])
    #expect(back.output == text + "\n")
  }

  @Test func tokenizeLinesGivesIDsWithAndWithoutSpecialTokens() throws {
    let file = CommandLineProgram.temporary("{\"text\": \"Hello\"}\n{\"text\": \"\"}\n")
    let outcome = CommandLineProgram.run(["tokenize", "--model", CommandLineProgram.demo, "--jsonl", file])
    let lines = try outcome.output.split(separator: "\n").map { try JSON.parse(String($0)) }
    #expect(lines.count == 2)
    #expect(lines[0]["decoded"]?.string == "Hello")
    #expect(lines[0]["ids_special"]?.array?.count == (lines[0]["ids"]?.array?.count ?? 0) + 1)
    #expect(lines[1]["ids"] == [])
    for bad in ["nonsense", "{}", "\u{FF}\n{\"text\": 1}"] {
      let file = CommandLineProgram.temporary(bad)
      #expect(CommandLineProgram.run(["tokenize", "--model", CommandLineProgram.demo, "--jsonl", file]).code == 2)
    }
  }

  @Test func perplexityOfAShortText() throws {
    let file = CommandLineProgram.temporary("The sea was calm, and the old man looked at the stars.")
    let arguments = ["eval", "perplexity", "--model", CommandLineProgram.demo, "--text", file, "--json"]
    let whole = try JSON.parse(CommandLineProgram.run(arguments).output)
    let windows = try JSON.parse(CommandLineProgram.run(arguments + ["--context", "8", "--stride", "4"]).output)
    #expect(whole["tokens"] == windows["tokens"])
    #expect(whole["perplexity"]?.double ?? 0 < windows["perplexity"]?.double ?? 0)
    let bits = (whole["nll_sum"]?.double ?? 0) / 0.6931471805599453 / 54
    #expect(abs(bits - (whole["bits_per_byte"]?.double ?? 0)) < 1e-9)
  }

  @Test func logitsDoNotDependOnHowPromptsRun() throws {
    let prompts = CommandLineProgram.temporary("")
    let tensors: [[Int32]] = [[1, 3201, 844], [1, 266, 752, 511, 296, 266, 1079]]
    var writer = try SafetensorsWriter(
      prompts, tensors.enumerated().map { .init("prompt.\($0)", .i32, [$1.count]) })
    for (index, tokens) in tensors.enumerated() {
      try tokens.withUnsafeBytes { try writer.write($0, to: "prompt.\(index)") }
    }
    try writer.finish()
    var outputs: [[Float]] = []
    for options in [[], ["--one-by-one"], ["--max-tokens-per-step", "1"], ["--block-size", "1"]] {
      let output = CommandLineProgram.temporary("")
      let outcome = CommandLineProgram.run(
        [
          "eval", "logits", "--model", CommandLineProgram.demo, "--prompts", prompts, "--output", output, "--greedy",
          "6",
          "--dtype", "float32",
        ] + options)
      #expect(outcome.code == 0, "\(outcome.error)")
      let file = try SafetensorsFile(output)
      #expect(try file.tensor("logits.1").shape == [7, 8192])
      #expect(try file.tensor("greedy.0").integers().count == 6)
      outputs.append(try file.tensor("logits.0").floats() + file.tensor("logits.1").floats())
    }
    for other in outputs.dropFirst() { #expect(other == outputs[0]) }
  }

  @Test func inspectOfAConfigAlone() throws {
    let outcome = CommandLineProgram.run(["inspect", CommandLineProgram.demo + "/config.json", "--json"])
    let json = try JSON.parse(outcome.output)
    #expect(json["parameters"]?.int == 5_048_576)
    #expect(json["passes"]?.array?.first?["name"]?.string == "model")
    let decode = json["phases"]?.array?.first
    #expect(decode?["name"]?.string == "decode")
    // Every weight is read once in a decode step; the tied embedding also gives one row, of 256 bfloat16 numbers.
    #expect(decode?["total"]?["weight_bytes"]?.int == (json["weight_bytes"]?.int ?? 0) + 512)
  }

  /// A model is compiled for a GPU where there is none: every launch that runs has a shape and says who chose it.
  @Test(arguments: ["sm_80", "sm_89", "h200", "sm_100a"]) func inspectForAGPUThatIsNotThere(_ gpu: String) throws {
    let config = CommandLineProgram.demo + "/config.json"
    let outcome = CommandLineProgram.run(["inspect", config, "--device", "cuda", "--gpu", gpu, "--json"])
    #expect(outcome.code == 0, "\(outcome.error)")
    let json = try JSON.parse(outcome.output)
    let phases = try #require(json["phases"]?.array)
    for launch in phases.flatMap({ $0["launches"]?.array ?? [] }) {
      let choice = launch["gpu"]?["chosen_by"]?.string ?? launch["library"]?.string
      #expect(choice?.isEmpty == false, "\(launch)")
    }
    // Five launches a layer, the embedding, the angles, the head.
    #expect(phases.first?["total"]?["launches"]?.int == 4 * 5 + 3)
    #expect(json["passes"]?.array?.contains { $0["name"]?.string == "fuseNormLinear up to 64" } == true)
    let text = CommandLineProgram.run(["inspect", config, "--device", "cuda", "--gpu", gpu, "--no-graphs"]).output
    #expect(text.contains("SHAPES of the launches of a decode step") && text.contains("planned for, not opened"))
  }

  @Test(arguments: ["sm_80", "h200", "sm_100a"]) func aPlanMayGiveHiddenRows(_ gpu: String) throws {
    let arguments = ["inspect", CommandLineProgram.demo + "/config.json", "--device", "cuda", "--gpu", gpu, "--json"]
    let outcome = CommandLineProgram.run(arguments + ["--embeddings"])
    #expect(outcome.code == 0, "\(outcome.error)")
    let json = try JSON.parse(outcome.output)
    // The rows that are wanted and the norm of them.
    #expect(json["phases"]?.array?.first?["total"]?["launches"]?.int == 4 * 5 + 3 + 2)
    #expect(outcome.output.contains("output scored_hidden"))
    #expect(!CommandLineProgram.run(arguments).output.contains("output scored_hidden"))
  }

  @Test func embedPrintsALineForEachText() throws {
    let outcome = CommandLineProgram.run(
      ["embed", "--model", CommandLineProgram.demo, "--text", "One", "--text", "Two of them", "--pooling", "mean"])
    let lines = try outcome.output.split(separator: "\n").map { try JSON.parse(String($0)) }
    #expect(lines.count == 2 && lines[1]["tokens"]?.int ?? 0 > lines[0]["tokens"]?.int ?? 0)
    for line in lines {
      let vector = line["embedding"]?.array?.compactMap(\.double) ?? []
      #expect(vector.count > 100 && abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
    }
    #expect(CommandLineProgram.run(["embed", "--model", CommandLineProgram.demo]).code == 2)
  }

  @Test func inspectRefusesUnknownGPUs() {
    let config = CommandLineProgram.demo + "/config.json"
    #expect(CommandLineProgram.run(["inspect", config, "--gpu", "voodoo2"]).code == 2)
    #expect(CommandLineProgram.run(["inspect", config, "--device", "cpu", "--gpu", "h200"]).code == 2)
  }

  @Test func inspectPrintsOnePass() {
    let outcome = CommandLineProgram.run(["inspect", CommandLineProgram.demo, "--graph", "fuseResidualNorm"])
    #expect(outcome.output.contains("add_rms_norm"))
    #expect(CommandLineProgram.run(["inspect", CommandLineProgram.demo, "--graph", "nothing"]).code == 2)
  }

  @Test func inspectDrawsAPageWithoutAnythingFromElsewhere() {
    let file = CommandLineProgram.temporary("")
    #expect(CommandLineProgram.run(["inspect", CommandLineProgram.demo, "--html", file]).code == 0)
    let page = CommandLineProgram.contents(file)
    #expect(page.hasPrefix("<!doctype html>"))
    #expect(!page.contains("src=") && !page.contains("<link") && !page.contains("@import") && !page.contains("url("))
    #expect(page.components(separatedBy: "</script>") == 3)
  }

  @Test func benchWritesTheDocumentedShape() throws {
    let outcome = CommandLineProgram.run([
      "bench", "latency", "--model", CommandLineProgram.demo, "--input-length", "8", "--output-length", "4", "--json",
      "-",
      "--repeat", "1",
    ])
    let json = try JSON.parse(outcome.output)
    for name in ["ttft_ms", "tpot_ms", "e2e_ms"] {
      for percentile in ["p50", "p90", "p99"] { #expect(json[name]?[percentile]?.double ?? 0 > 0) }
    }
    for name in ["bytes_per_step", "flops_per_step", "time_ms", "achieved_over_floor"] {
      #expect(json["floor"]?[name]?.double ?? 0 > 0)
    }
    #expect(json["input_length"]?.int == 8 && json["output_length"]?.int == 4)
    #expect(json["output_tokens_per_s"]?.double ?? 0 > 0 && json["startup_s"]?.double ?? 0 > 0)
  }

  @Test func doctorNamesTheInstructionSets() throws {
    let json = try JSON.parse(CommandLineProgram.run(["doctor", "--json"]).output)
    #expect(json["instruction_sets"]?.array?.contains("plain") == true)
    #expect(json["read_bytes_per_s"]?.double ?? 0 > 1e8)
  }

  @Test func chatEndsWithItsInput() {
    let outcome = CommandLineProgram.run(
      ["chat", "--model", CommandLineProgram.demo, "--max-tokens", "4"],
      input: "Hello\n/reset\n/unknown\n/exit\nnever\n")
    #expect(outcome.code == 0)
    #expect(outcome.error.contains("(forgotten)") && outcome.error.contains("there is no command /unknown"))
    #expect(outcome.output.split(separator: "\n").count >= 1)
  }
}

extension String {
  /// How many parts a separator makes of it.
  fileprivate func components(separatedBy separator: String) -> Int {
    var count = 1
    var rest = utf8[...]
    let pattern = Array(separator.utf8)
    while rest.count >= pattern.count {
      if rest.starts(with: pattern) { count += 1 }
      rest = rest.dropFirst()
    }
    return count
  }
}
