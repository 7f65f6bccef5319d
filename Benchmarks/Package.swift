// swift-tools-version: 6.2

import PackageDescription

// Benchmarks are a package of their own, so that nobody who uses the library builds them.
let package = Package(
    name: "itodenwa-benchmarks",
    dependencies: [.package(name: "itodenwa", path: "..")],
    targets: [
        .target(name: "AllocationCounter"),
        .executableTarget(
            name: "ParserBenchmark",
            dependencies: ["AllocationCounter", .product(name: "SIP", package: "itodenwa")],
            swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
)
