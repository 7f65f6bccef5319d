// swift-tools-version: 6.2

import PackageDescription

let itodenwa = "itodenwa"

/// An example: one program, one file.
func example(_ name: String, _ libraries: String...) -> Target {
    .executableTarget(name: name, dependencies: libraries.map { .product(name: $0, package: itodenwa) })
}

let package = Package(
    name: "Examples",
    dependencies: [.package(name: itodenwa, path: "..")],
    targets: [
        example("CallSomebody", "UserAgent", "Media"),
        example("AnsweringMachine", "UserAgent", "Media"),
        example("BackToBack", "UserAgent", "SIP"),
        example("Notifier", "UserAgent"),
        example("TimeServer", "UserAgent", "Media"),
        example("StatelessRedirect", "SIP", "SIPEndpoint", "Reactor"),
        example("ReadTrace", "SIP"),
    ],
    swiftLanguageModes: [.v6]
)
