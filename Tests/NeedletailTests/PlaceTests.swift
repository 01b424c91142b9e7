import Needletail
import Testing

@Test func durationsInSeconds() { #expect(Duration.milliseconds(1500).seconds == 1.5) }
