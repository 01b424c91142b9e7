import Testing

@testable import NeedletailCLI

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Ctrl-C, again and again, as in a conversation.
@Suite(.serialized) struct InterruptTests {
  @Test func everyInterruptIsHeard() async {
    for _ in 0..<3 {
      let (presses, press) = AsyncStream<Void>.makeStream()
      let interrupt = Interrupt { press.yield() }
      for _ in 0..<2 {
        kill(getpid(), SIGINT)
        var iterator = presses.makeAsyncIterator()
        #expect(await iterator.next() != nil)
      }
      withExtendedLifetime(interrupt) {}
    }
  }
}
