import Foundation
import Testing

@testable import NeedletailCheckpoint

struct SafetensorsWriterTests {
  let directory = TemporaryDirectory()

  @Test func roundTrip() throws {
    let path = directory("out.safetensors")
    var writer = try SafetensorsWriter(
      path,
      [.init("z.i8", .i8, [3]), .init("logits.0", .f32, [2, 2]), .init("greedy.0", .i32, [3]), .init("s", .f64, [])],
      metadata: [("format", "pt"), ("note", "a \"quoted\" line\n")])
    try writer.write([1, 2, 3, 4] as [Float], to: "logits.0")
    try writer.write([-1, 127] as [Int8], to: "z.i8")
    try writer.write([7, 8, 9] as [Int32], to: "greedy.0")
    try writer.write([-128] as [Int8], to: "z.i8")
    try writer.write([0.5], to: "s")
    #expect(directory.names.count == 1 && !directory.names.contains("out.safetensors"))
    try writer.finish()
    #expect(directory.names == ["out.safetensors"])

    let file = try SafetensorsFile(path)
    #expect(file.names == ["greedy.0", "logits.0", "s", "z.i8"])
    #expect(try file.tensor("logits.0").floats() == [1, 2, 3, 4])
    #expect(try file.tensor("greedy.0").integers() == [7, 8, 9])
    #expect(try file.tensor("z.i8").integers() == [-1, 127, -128])
    #expect(try file.tensor("s").floats() == [0.5])
    #expect(file.metadata.map(\.value) == ["pt", "a \"quoted\" line\n"])
    for tensor in file.tensors {
      #expect(tensor.byteRange.lowerBound % (tensor.dtype.bits / 8) == 0, "\(tensor.name) is not aligned")
    }
  }

  @Test func replacesAnOlderFileAtOnce() throws {
    let path = directory("out.safetensors")
    try writeTensors(path, [("a", [1], [1])])
    let old = try SafetensorsFile(path)
    try writeTensors(path, [("a", [2], [2, 3])])
    #expect(try old.tensor("a").floats() == [1])
    #expect(try SafetensorsFile(path).tensor("a").floats() == [2, 3])
  }

  @Test func leavesDevicesAndDirectoriesAlone() throws {
    let pipe = directory("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let inside = directory("inside")
    try FileManager.default.createDirectory(atPath: inside, withIntermediateDirectories: false)
    for path in [pipe, inside] {
      #expect(throws: CheckpointError.self) { try writeTensors(path, [("a", [1], [1])]) }
    }
    #expect(Set(directory.names) == ["pipe", "inside"])
    #expect(try FileManager.default.attributesOfItem(atPath: pipe)[.type] as? FileAttributeType != .typeRegular)
  }

  @Test func writesNoTensors() throws {
    try SafetensorsWriter(directory("none.safetensors"), [], metadata: []).finish()
    #expect(try SafetensorsFile(directory("none.safetensors")).names.isEmpty)
  }

  @Test func leavesNothingWhenDropped() throws {
    do {
      var writer = try SafetensorsWriter(directory("out.safetensors"), [.init("a", .f32, [2])])
      try writer.write([1] as [Float], to: "a")
    }
    #expect(directory.names.isEmpty)
    let error = sentence {
      var writer = try SafetensorsWriter(directory("out.safetensors"), [.init("a", .f32, [2])])
      try writer.write([1] as [Float], to: "a")
      try writer.finish()
    }
    #expect(error == directory("out.safetensors") + ": tensor 'a' has 8 bytes and was given 4")
    #expect(directory.names.isEmpty)
  }

  @Test func refusesWhatCannotBeWritten() throws {
    let path = directory("out.safetensors")
    func refusal(_ tensors: [SafetensorsWriter.Declaration]) -> String {
      sentence { try SafetensorsWriter(path, tensors).finish() }
    }
    #expect(refusal([.init("a", .u8, [0]), .init("a", .f32, [0])]).contains("two tensors of one name"))
    #expect(refusal([.init("__metadata__", .u8, [0])]).contains("__metadata__"))
    #expect(refusal([.init("a", .f32, [-1])]).contains("cannot have the shape [-1]"))
    #expect(refusal([.init("a", .f32, [Int.max, 2])]).contains("cannot have the shape"))
    #expect(refusal([.init("a", .f4, [3])]).contains("cannot have the shape [3]"))
    #expect(
      refusal([.init("a", .u8, [Int.max / 4]), .init("b", .u8, [Int.max / 4])]).contains("cannot have the shape"))
    var writer = try SafetensorsWriter(path, [.init("a", .u8, [1])])
    #expect(throws: CheckpointError(path, "tensor 'b' was not declared")) { try writer.write([1] as [UInt8], to: "b") }
    #expect(throws: CheckpointError(path, "tensor 'a' has 1 bytes and was given 2")) {
      try writer.write([1, 2] as [UInt8], to: "a")
    }
    let nowhere = directory("no/such/out.safetensors")
    #expect(sentence { try SafetensorsWriter(nowhere, []).finish() }.hasPrefix(nowhere + ": creating the file failed"))
  }
}
