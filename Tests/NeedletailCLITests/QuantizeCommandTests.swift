import Foundation
import NeedletailCheckpoint
import NeedletailJSON
import Testing

/// `needletail quantize` as people call it.
@Suite(.enabled(if: CommandLineProgram.isAvailable)) struct QuantizeCommandTests {
  private func temporary(_ name: String) -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("needletail-\(UUID().uuidString)-\(name)").path
  }

  private func quantize(_ arguments: [String], output: String) -> CommandLineProgram.Outcome {
    CommandLineProgram.run(["quantize", "--model", CommandLineProgram.demo, "--output", output] + arguments)
  }

  @Test func writesADirectory() throws {
    let (output, text) = (temporary("out"), temporary("text.jsonl"))
    defer { for path in [output, text] { try? FileManager.default.removeItem(atPath: path) } }
    let line = "{\"text\": \"Once upon a time there was a king who had three sons, and the youngest was a fool.\"}\n"
    try String(repeating: line, count: 4).write(toFile: text, atomically: true, encoding: .utf8)
    let outcome = quantize(
      ["--recipe", "int4-awq", "--calibration", text, "--embedding", "int8", "--keep", "*.o_proj", "--verbose"],
      output: output)
    #expect(outcome.code == 0, "\(outcome.error)")
    #expect(outcome.output.contains("unquantized (as asked): model.layers.0.self_attn.o_proj"))
    #expect(outcome.output.contains("25 modules by int4-awq"))
    let directory = try ModelDirectory(output)
    #expect(try QuantizationConfig(directory)?.scheme(of: "model.layers.0.mlp.up_proj")?.code == .int4)
    #expect(try QuantizationConfig(directory)?.scheme(of: "model.embed_tokens")?.code == .int8)
    #expect(try QuantizationConfig(directory)?.scheme(of: "model.layers.0.self_attn.o_proj") == nil)
    // A directory that holds a model is left alone.
    let again = quantize(["--recipe", "int8"], output: output)
    #expect(again.code == 2 && again.error.contains("holds a model already"))
  }

  @Test func wrongOptions() throws {
    let (output, empty) = (temporary("out"), temporary("text.txt"))
    defer { for path in [output, empty] { try? FileManager.default.removeItem(atPath: path) } }
    try "".write(toFile: empty, atomically: true, encoding: .utf8)
    let nothing = quantize(["--recipe", "int4-awq", "--calibration", empty], output: output)
    #expect(nothing.error.contains("a calibration text has at least"))
    #expect(quantize(["--recipe", "int7"], output: output).error.contains("there is no recipe 'int7'"))
    #expect(quantize(["--recipe", "fp8", "--format", "awq"], output: output).error.contains("4-bit weights only"))
    #expect(quantize(["--recipe", "int4", "--group-size", "48"], output: output).error.contains("groups of 48"))
    #expect(quantize(["--recipe", "int4", "--calibration", "/nowhere", "--samples", "0"], output: output).code == 2)
  }
}
