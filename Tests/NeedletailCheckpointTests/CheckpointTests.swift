import Testing

@testable import NeedletailCheckpoint

struct CheckpointTests {
  let directory = TemporaryDirectory()

  private func index(_ map: String) {
    directory.write("model.safetensors.index.json", "{\"metadata\":{\"total_size\":8},\"weight_map\":\(map)}")
  }

  private func opening() -> String { sentence { _ = try Checkpoint(directory: directory.path) } }

  @Test func singleFile() throws {
    try writeTensors(directory("model.safetensors"), [("b", [2], [1, 2]), ("a", [1], [3])])
    try writeTensors(directory("other.safetensors"), [("c", [1], [3])])
    let checkpoint = try Checkpoint(directory: directory.path)
    #expect(checkpoint.names == ["a", "b"])
    #expect(checkpoint.tensorBytes == 12)
    #expect(try checkpoint.tensor("b").floats() == [1, 2])
    #expect(sentence { _ = try checkpoint.tensor("c") } == directory.path + ": has no tensor 'c'")
  }

  @Test func filesOfAPartOfTheModel() throws {
    try writeTensors(directory("model.safetensors"), [("b", [2], [1, 2]), ("head", [1], [3]), ("a", [1], [4])])
    let checkpoint = try Checkpoint(directory: directory.path).adding(prefix: "stack.") { $0 == "head" }
    #expect(checkpoint.names == ["head", "stack.a", "stack.b"])
    #expect(try checkpoint.tensor("stack.b").floats() == [1, 2])
    #expect(checkpoint["a"] == nil)
    try checkpoint.check(expected: [("stack.a", [1]), ("stack.b", [2]), ("head", [1])])
    let whole = checkpoint.adding(prefix: "stack.") { _ in false }
    #expect(whole.names == checkpoint.names)
  }

  @Test func onlyFileOfAnotherName() throws {
    try writeTensors(directory("weights.safetensors"), [("a", [1], [3])])
    #expect(try Checkpoint(directory: directory.path).names == ["a"])
    try writeTensors(directory("more.safetensors"), [("a", [1], [3])])
    #expect(opening().contains("has 2 safetensors files ('more.safetensors', 'weights.safetensors')"))
  }

  @Test func shards() throws {
    try writeTensors(directory("m-1.safetensors"), [("a", [1], [1]), ("extra", [1], [9])])
    try writeTensors(directory("m-2.safetensors"), [("b", [1], [2]), ("a", [1], [7])])
    index("{\"b\":\"m-2.safetensors\",\"a\":\"m-1.safetensors\"}")
    let checkpoint = try Checkpoint(directory: directory.path)
    #expect(checkpoint.names == ["a", "b"])
    #expect(checkpoint.files.map(\.path) == [directory("m-1.safetensors"), directory("m-2.safetensors")])
    // The index says which shard's "a" counts, and that "extra" does not.
    #expect(try checkpoint.tensor("a").floats() == [1])
    #expect(try checkpoint.tensor("b").file.path == directory("m-2.safetensors"))
    #expect(checkpoint["extra"] == nil)
  }

  @Test func missingShards() throws {
    try writeTensors(directory("m-01.safetensors"), [("a", [1], [1])])
    index("{\"a\":\"m-01.safetensors\",\"b\":\"m-02.safetensors\",\"c\":\"m-03.safetensors\"}")
    #expect(
      opening() == directory.path
        + ": 2 of the 3 files that model.safetensors.index.json names are missing: 'm-02.safetensors', 'm-03.safetensors'; "
        + "download the model again, or the rest of it")
  }

  @Test func shardLacksATensor() throws {
    try writeTensors(directory("m.safetensors"), [("a", [1], [1])])
    index("{\"a\":\"m.safetensors\",\"b\":\"m.safetensors\"}")
    #expect(opening().contains("places tensor 'b' in 'm.safetensors', which does not have it"))
  }

  @Test(arguments: [
    ("{\"a\":\"../m.safetensors\"}", "'../m.safetensors', which is not a file in the same directory"),
    ("{\"a\":\"/tmp/m.safetensors\"}", "which is not a file in the same directory"),
    ("{\"a\":\"x/m.safetensors\"}", "which is not a file in the same directory"),
    ("{\"a\":\"..\"}", "which is not a file in the same directory"),
    ("{\"a\":\"\"}", "only safetensors files are read"),
    ("{\"a\":\"m\\u0000.safetensors\"}", "which is not a file in the same directory"),
    ("{\"a\":\"m.bin\"}", "only safetensors files are read"),
    ("{\"a\":7}", "a number for 'a' where a file's name should stand"),
    ("{}", "an empty weight_map"), ("[]", "no weight_map object"), ("{", "invalid JSON"),
  ]) func refusesIndex(_ map: String, _ words: String) throws {
    index(map)
    let error = opening()
    #expect(error.hasPrefix(directory("model.safetensors.index.json: ")) && error.contains(words), "\(error)")
  }

  @Test func noWeights() {
    #expect(
      opening() == directory.path + ": has no weights: neither model.safetensors nor model.safetensors.index.json")
    directory.write("pytorch_model.bin", "x")
    #expect(opening().contains("only as pickled files ('pytorch_model.bin')"))
    #expect(sentence { _ = try Checkpoint(directory: directory("none")) }.contains("reading the directory failed"))
  }

  @Test func checkListsEverything() throws {
    try writeTensors(
      directory("model.safetensors"),
      [("a", [2], [1, 2]), ("b", [1], [1]), ("h.0.rotary.inv_freq", [1], [1])] + (10..<23).map { ("x\($0)", [0], []) })
    let checkpoint = try Checkpoint(directory: directory.path)
    let extras = (10..<23).map { (name: "x\($0)", shape: [0]) }
    #expect(throws: Never.self) {
      try checkpoint.check(expected: [("a", [2]), ("b", [1])] + extras, ignoring: ["*.inv_freq"])
    }
    let error = sentence {
      try checkpoint.check(expected: [("a", [2, 1]), ("c", [1])], ignoring: ["*.inv_freq"], dtypes: [.bf16])
    }
    let listed = (10..<19).map { "'x\($0)'" }.joined(separator: ", ")
    #expect(
      error == directory.path + ": the tensors are not those of the model that config.json describes: 1 missing ('c'); "
        + "14 unexpected ('b', \(listed) and 4 more); 1 wrongly shaped ('a' is [2] and should be [2, 1]); "
        + "1 of a type that is not read ('a' is F32)")
  }

  @Test(arguments: [
    ("*", "", true), ("*", "anything", true), ("", "", true), ("", "a", false), ("a*c", "abc", true),
    ("a*c", "ac", true),
    ("a*c", "acb", false), ("*.inv_freq", "h.0.inv_freq", true), ("h.*.w", "h.10.x.w", true),
    ("a*b*c", "a1b2b3c", true),
    ("a*b*c", "a1c2b", false), ("a.c", "abc", false), ("**a", "a", true), ("abc", "ab", false),
  ]) func patterns(_ pattern: String, _ name: String, _ expected: Bool) {
    #expect(NamePattern(pattern).matches(name) == expected)
  }

  @Test func patternsTakeBoundedTime() {
    let stars = String(repeating: "*a", count: 100) + "b"
    #expect(!NamePattern(stars).matches(String(repeating: "a", count: 20_000)))
  }
}
