// swift-tools-version: 6.1
import PackageDescription

// A package that uses Needletail as any other would. The name is given because a clone's folder may have another one.
let package = Package(
  name: "examples",
  dependencies: [.package(name: "needletail", path: "..")],
  targets: [
    .executableTarget(
      name: "Generate", dependencies: [.product(name: "Needletail", package: "needletail")], path: "Generate"),
    .executableTarget(
      name: "CustomModel", dependencies: [.product(name: "Needletail", package: "needletail")], path: "CustomModel"),
  ],
  swiftLanguageModes: [.v6]
)
