// swift-tools-version: 6.1
import PackageDescription

// The targets stand in the order data passes through them; none imports one that stands below it.
let package = Package(
  name: "needletail",
  products: [
    .library(name: "Needletail", targets: ["Needletail"]),
    .executable(name: "needletail", targets: ["NeedletailCLI"]),
    .executable(name: "needletail-gpu-tests", targets: ["NeedletailGPUTests"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
  ],
  targets: [
    .target(name: "NeedletailJSON"),
    .target(name: "NeedletailGraph"),
    .target(name: "NeedletailModels", dependencies: ["NeedletailGraph", "NeedletailJSON"]),
    .target(name: "NeedletailCheckpoint", dependencies: ["NeedletailGraph", "NeedletailJSON"]),
    // The CUDA sources are carried as text (embedded/) and compiled on the machine they run on.
    .target(name: "CNeedletailKernels", exclude: ["cuda", "embedded/cuda_files.inc"]),
    .target(name: "NeedletailKernels", dependencies: ["NeedletailGraph", "CNeedletailKernels"]),
    .target(name: "NeedletailCompiler", dependencies: ["NeedletailGraph", "NeedletailKernels"]),
    .target(name: "NeedletailCPU", dependencies: ["NeedletailKernels", "CNeedletailKernels"]),
    .target(name: "CNeedletailCUDA"),
    .target(name: "NeedletailCUDA", dependencies: ["NeedletailKernels", "CNeedletailKernels", "CNeedletailCUDA"]),
    .target(
      name: "NeedletailRuntime",
      dependencies: [
        "NeedletailGraph", "NeedletailKernels", "NeedletailCompiler", "NeedletailCPU", "CNeedletailKernels",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "NeedletailQuantize",
      dependencies: [
        "NeedletailJSON", "NeedletailGraph", "NeedletailModels", "NeedletailCheckpoint", "NeedletailKernels",
        "NeedletailRuntime",
      ]),
    .target(name: "NeedletailTokenizer", dependencies: ["NeedletailJSON"]),
    .target(
      name: "Needletail",
      dependencies: [
        "NeedletailJSON", "NeedletailGraph", "NeedletailModels", "NeedletailCheckpoint", "NeedletailKernels",
        "NeedletailCompiler", "NeedletailCPU", "NeedletailCUDA", "NeedletailRuntime", "NeedletailTokenizer",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(
      name: "NeedletailCLI",
      dependencies: [
        "Needletail", "NeedletailCheckpoint", "NeedletailKernels", "NeedletailCPU", "NeedletailCUDA",
        "NeedletailCompiler", "NeedletailQuantize", "NeedletailTokenizer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(
      name: "NeedletailTesting",
      dependencies: [
        "Needletail", "NeedletailCheckpoint", "NeedletailGraph", "NeedletailKernels", "CNeedletailKernels",
      ]),
    .executableTarget(
      name: "NeedletailGPUTests",
      dependencies: [
        "Needletail", "NeedletailCheckpoint", "NeedletailCUDA", "NeedletailGraph", "NeedletailKernels",
        "NeedletailTesting", "CNeedletailCUDA", "CNeedletailKernels",
      ]),
    .testTarget(name: "NeedletailJSONTests", dependencies: ["NeedletailJSON"]),
    .testTarget(name: "NeedletailGraphTests", dependencies: ["NeedletailGraph"]),
    .testTarget(
      name: "NeedletailModelsTests", dependencies: ["NeedletailModels", "NeedletailJSON", "NeedletailGraph"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "NeedletailCheckpointTests",
      dependencies: ["NeedletailCheckpoint", "NeedletailGraph", "NeedletailJSON"]),
    .testTarget(
      name: "NeedletailKernelsTests",
      dependencies: ["NeedletailKernels", "NeedletailGraph", "NeedletailTesting", "CNeedletailKernels"]),
    .testTarget(
      name: "NeedletailCompilerTests",
      dependencies: [
        "NeedletailCompiler", "NeedletailKernels", "NeedletailGraph", "NeedletailModels", "NeedletailJSON",
      ]),
    .testTarget(
      name: "NeedletailCPUTests",
      dependencies: [
        "NeedletailCPU", "NeedletailKernels", "NeedletailGraph", "NeedletailTesting", "CNeedletailKernels",
      ]),
    .testTarget(name: "NeedletailCUDATests", dependencies: ["NeedletailCUDA", "NeedletailKernels"]),
    .testTarget(
      name: "NeedletailRuntimeTests",
      dependencies: ["NeedletailRuntime", "NeedletailKernels", "CNeedletailKernels"]),
    .testTarget(
      name: "NeedletailRuntimePlaygroundTests",
      dependencies: [
        "NeedletailRuntime", "NeedletailCPU", "NeedletailCompiler", "NeedletailKernels", "NeedletailModels",
        "NeedletailJSON", "NeedletailGraph", "NeedletailTesting",
      ]),
    .testTarget(
      name: "NeedletailQuantizeTests",
      dependencies: [
        "NeedletailQuantize", "NeedletailCheckpoint", "NeedletailGraph", "NeedletailJSON", "NeedletailModels",
        "NeedletailCPU", "NeedletailRuntime",
      ],
      exclude: ["Fixtures", "make_fixtures.py"]),
    .testTarget(
      name: "NeedletailTokenizerTests", dependencies: ["NeedletailTokenizer", "NeedletailJSON"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "NeedletailTests",
      dependencies: [
        "Needletail", "NeedletailCheckpoint", "NeedletailTesting", "NeedletailKernels", "NeedletailCPU",
        "NeedletailTokenizer",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "NeedletailCLITests",
      dependencies: [
        "NeedletailCLI", "Needletail", "NeedletailCheckpoint", "NeedletailJSON", "NeedletailCUDA", "NeedletailKernels",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c2x
)
