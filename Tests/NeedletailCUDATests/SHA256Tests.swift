import Testing

@testable import NeedletailCUDA

/// Vectors of FIPS 180-4 and of NIST's examples.
@Suite struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func vectors(text: String, expected: String) {
    #expect(SHA256.text(SHA256.hash(text.utf8)) == expected)
  }

  @Test func aMillionBytes() {
    let hash = SHA256.hash(repeatElement(UInt8(ascii: "a"), count: 1_000_000))
    #expect(SHA256.text(hash) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func partsGiveTheHashOfTheWhole() {
    for count in [1, 55, 56, 63, 64, 65, 119, 120, 128, 300] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      var hash = SHA256()
      for part in stride(from: 0, to: count, by: 7) { hash.update(bytes[part..<min(part + 7, count)]) }
      #expect(hash.finish() == SHA256.hash(bytes), "\(count) bytes")
    }
  }
}
