#include "platform/sys/cgroup/cgroup.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

constexpr std::array<std::string_view, 5> kIdentifying{"name=systemd", "cpu", "memory", "freezer", "pids"};
constexpr std::array<std::string_view, 8> kMountOptions{
    "rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "none", "favordynmods"};

bool is_folder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// mountinfo writes space, tab, newline and backslash as \040 and so on.
std::string unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::optional<Hierarchy> parse_mount(std::string_view line, const std::string& prefix) {
  auto words = split_words(line, " ");
  auto dash = std::find(words.begin(), words.end(), "-");
  if (words.size() < 7 || words.end() - dash < 4) return std::nullopt;
  std::string_view type = dash[1];
  if (type != "cgroup" && type != "cgroup2") return std::nullopt;
  Hierarchy hierarchy;
  hierarchy.version = type == "cgroup2" ? 2 : 1;
  hierarchy.root = unescape(words[3]);
  hierarchy.mount = prefix + unescape(words[4]);
  if (hierarchy.version == 2) {
    std::string names = read_file(hierarchy.mount + "/cgroup.controllers").value_or("");
    for (std::string_view name : split_words(names)) hierarchy.controllers.emplace(name);
    return hierarchy;
  }
  for (std::string_view option : split_words(dash[3], ",")) {
    bool known = std::find(kMountOptions.begin(), kMountOptions.end(), option) != kMountOptions.end();
    if (!known && !option.starts_with("release_agent=")) hierarchy.controllers.emplace(option);
  }
  return hierarchy;
}

bool same_hierarchy(const Hierarchy& a, const Hierarchy& b) {
  return a.version == b.version && (a.version == 2 || a.controllers == b.controllers);
}

// Position in the order of identification.
size_t rank(const Hierarchy& hierarchy) {
  if (hierarchy.version == 2) return 0;
  for (size_t i = 0; i < kIdentifying.size(); ++i)
    if (hierarchy.has(std::string(kIdentifying[i]))) return i + 1;
  return kIdentifying.size() + 1;
}

std::string tidy(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path.starts_with('/') ? std::string(path) : fmt::format("/{}", path);
}

void collect_processes(const std::string& folder, std::vector<pid_t>& pids) {
  // A threaded v2 cgroup refuses to list processes: its domain above has listed them. A folder that has gone is empty.
  std::string text = read_file(folder + "/cgroup.procs", 16 << 20).value_or("");
  for (std::string_view line : split_words(text, "\n"))
    if (auto pid = parse_number<pid_t>(line); pid && *pid > 0) pids.push_back(*pid);
  std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), &::closedir);
  if (!entries) return;
  while (const dirent* entry = ::readdir(entries.get()))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') collect_processes(folder + "/" + entry->d_name, pids);
}

// A new v1 cpuset is empty and takes no process until it is filled.
Result<> fill_cpuset(const std::string& folder) {
  for (const char* name : {"/cpuset.cpus", "/cpuset.mems"}) {
    std::string parent = std::filesystem::path(folder).parent_path();
    std::string inherited = TRY(read_file(parent + name));
    TRY_VOID(write_existing(folder + name, trim(inherited)));
  }
  return {};
}

}  // namespace

bool Cgroup::exists() const { return is_folder(folder_); }

Result<uint64_t> Cgroup::inode() const {
  struct stat info {};
  if (::stat(folder_.c_str(), &info) == 0) return info.st_ino;
  if (errno == ENOENT) return fail(Errc::kNotFound, "the cgroup " + folder_ + " is gone");
  return fail_errno("cannot inspect the cgroup " + folder_);
}

bool Cgroup::has_file(const std::string& name) const { return ::access((folder_ + "/" + name).c_str(), F_OK) == 0; }

Result<std::string> Cgroup::read(const std::string& name) const {
  std::string text = TRY(read_file(folder_ + "/" + name));
  return std::string(trim(text));
}

Result<> Cgroup::write(const std::string& name, std::string_view text) const {
  return write_existing(folder_ + "/" + name, text);
}

Result<std::vector<pid_t>> Cgroup::processes() const {
  if (!exists()) return fail(Errc::kNotFound, "the cgroup " + folder_ + " is gone");
  std::vector<pid_t> pids;
  collect_processes(folder_, pids);
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

Result<> Cgroup::join(pid_t pid) const { return write("cgroup.procs", std::to_string(pid)); }

std::optional<Cgroup> Cgroup::parent() const {
  if (path_ == "/" || path_.empty()) return std::nullopt;
  std::string path = std::filesystem::path(path_).parent_path();
  return Cgroup(version_, path, std::filesystem::path(folder_).parent_path());
}

Result<CgroupTree> CgroupTree::discover(const std::string& mountinfo, const std::string& prefix) {
  auto text = read_file(mountinfo, 16 << 20);
  if (!text) return wrap(std::move(text).error(), "cannot find the cgroup mounts");
  CgroupTree tree;
  for (std::string_view line : split(*text, '\n')) {
    auto found = parse_mount(line, prefix);
    if (!found) continue;
    auto same = std::find_if(tree.hierarchies_.begin(), tree.hierarchies_.end(),
                             [&](const Hierarchy& h) { return same_hierarchy(h, *found); });
    if (same == tree.hierarchies_.end())
      tree.hierarchies_.push_back(std::move(*found));
    else if (same->root != "/" && found->root == "/")  // mounted twice: the one that shows all of it
      *same = std::move(*found);
  }
  return tree;
}

const Hierarchy* CgroupTree::unified() const {
  for (const Hierarchy& hierarchy : hierarchies_)
    if (hierarchy.version == 2) return &hierarchy;
  return nullptr;
}

const Hierarchy* CgroupTree::with(const std::string& controller) const {
  const Hierarchy* found = nullptr;
  for (const Hierarchy& hierarchy : hierarchies_)
    if (hierarchy.has(controller) && (!found || hierarchy.version == 1)) found = &hierarchy;
  return found;
}

std::optional<Cgroup> CgroupTree::find(const Hierarchy& hierarchy, std::string_view path) const {
  std::string whole = tidy(path);
  std::string below = whole;
  if (hierarchy.root != "/") {
    if (!below.starts_with(hierarchy.root)) return std::nullopt;
    below = below.substr(hierarchy.root.size());
    if (!below.empty() && below[0] != '/') return std::nullopt;
  }
  std::string folder = hierarchy.mount + (below == "/" ? "" : below);
  if (whole.find("/..") != whole.npos || !is_folder(folder)) return std::nullopt;
  return Cgroup(hierarchy.version, whole, folder);
}

std::optional<Cgroup> CgroupTree::find(const std::string& controller, std::string_view path) const {
  const Hierarchy* hierarchy = with(controller);
  return hierarchy ? find(*hierarchy, path) : std::nullopt;
}

std::vector<Cgroup> CgroupTree::find_all(std::string_view path) const {
  std::vector<const Hierarchy*> order;
  for (const Hierarchy& hierarchy : hierarchies_) order.push_back(&hierarchy);
  std::stable_sort(order.begin(), order.end(),
                   [](const Hierarchy* a, const Hierarchy* b) { return rank(*a) < rank(*b); });
  std::vector<Cgroup> found;
  for (const Hierarchy* hierarchy : order)
    if (auto cgroup = find(*hierarchy, path)) found.push_back(std::move(*cgroup));
  return found;
}

std::string CgroupTree::path_of(const Process& process, const std::string& controller) const {
  const Hierarchy* hierarchy = with(controller);
  if (!hierarchy) return "/";
  for (const CgroupMembership& membership : process.cgroups) {
    const auto& names = membership.controllers;
    bool here =
        hierarchy->version == 2 ? names.empty() : std::find(names.begin(), names.end(), controller) != names.end();
    if (here) return membership.path;
  }
  return "/";
}

Result<> OwnCgroup::make(const Hierarchy& hierarchy, const std::string& path) {
  std::string folder = hierarchy.mount;
  for (std::string_view name : split_words(path, "/")) {
    folder += "/" + std::string(name);
    bool last = folder.size() == hierarchy.mount.size() + path.size();
    if (!last && is_folder(folder)) continue;
    if (::mkdir(folder.c_str(), 0755) < 0) return fail_errno("cannot create the cgroup " + folder);
    folders_.push_back(folder);
    if (hierarchy.version == 1 && hierarchy.has("cpuset")) TRY_VOID(fill_cpuset(folder));
  }
  parts_.emplace_back(hierarchy.version, path, folder);
  return {};
}

Result<OwnCgroup> OwnCgroup::create(const CgroupTree& tree, const std::string& path,
                                    const std::vector<std::string>& controllers) {
  std::vector<const Hierarchy*> wanted;
  for (const Hierarchy& hierarchy : tree.hierarchies())
    if (controllers.empty()) wanted.push_back(&hierarchy);
  for (const std::string& controller : controllers) {
    const Hierarchy* hierarchy = controller == "unified" ? tree.unified() : tree.with(controller);
    if (!hierarchy) return fail(Errc::kUnsupported, fmt::format("no cgroup hierarchy has \"{}\"", controller));
    if (std::find(wanted.begin(), wanted.end(), hierarchy) == wanted.end()) wanted.push_back(hierarchy);
  }
  if (wanted.empty()) return fail(Errc::kUnsupported, "no cgroup hierarchy is mounted");
  OwnCgroup own;  // its destructor removes what was made when a later part fails
  for (const Hierarchy* hierarchy : wanted) TRY_VOID(own.make(*hierarchy, tidy(path)));
  return own;
}

Result<> OwnCgroup::join(pid_t pid) const {
  for (const Cgroup& part : parts_) TRY_VOID(part.join(pid));
  return {};
}

Result<> OwnCgroup::remove(Nanos patience) {
  BootTime end = boot_now() + patience;
  while (!folders_.empty()) {
    if (::rmdir(folders_.back().c_str()) == 0 || errno == ENOENT) {
      folders_.pop_back();
    } else if (errno != EBUSY || boot_now() >= end) {
      return fail_errno("cannot remove the cgroup " + folders_.back());
    } else {
      ::usleep(2000);
    }
  }
  parts_.clear();
  return {};
}

void OwnCgroup::release() {
  parts_.clear();
  folders_.clear();
}

OwnCgroup::~OwnCgroup() { (void)remove(); }

OwnCgroup& OwnCgroup::operator=(OwnCgroup&& other) noexcept {
  (void)remove();
  parts_ = std::move(other.parts_);
  folders_ = std::move(other.folders_);
  other.release();
  return *this;
}

}  // namespace ordeal::sys
