import NeedletailCheckpoint
import Testing

/// Against published values of XXH64.
@Suite struct XXHash64Tests {
  @Test(
    arguments: [
      ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
      ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
    ] as [(String, UInt64)])
  func knownValues(text: String, hash: UInt64) {
    #expect(Array(text.utf8).withUnsafeBytes { XXHash64.hash($0) } == hash)
  }

  @Test func everyByteCounts() {
    var bytes = [UInt8](repeating: 7, count: 77)
    let hash = bytes.withUnsafeBytes { XXHash64.hash($0) }
    for index in bytes.indices {
      bytes[index] ^= 1
      #expect(bytes.withUnsafeBytes { XXHash64.hash($0) } != hash, "byte \(index)")
      bytes[index] ^= 1
    }
  }
}
