namespace ACCOffload.Image.Tests.Packages;

public enum PackageKind
{
    Deb,
    Rpm,
    Tarball,
}
