// Fields: the fields of a struct, named once for writing and reading alike, so that what is written under a name and as
// a type is read under that name and as that type. A struct is described beside its codec, in its .cc:
//   template <>
//   struct Shape<Halt> {
//     static constexpr std::string_view kName = "halt";  // of an alternative of a variant (Tagged)
//     static constexpr auto kFields = std::tuple{must("why", &Halt::why), may("hint", &Halt::hint)};
//   };
// must() is always written and has to be there; an optional that is empty is written as null, and may be absent.
// may() is left out where it is as in a fresh struct. Keys that are not described are passed over: a newer writer may
// add some. Errors are a Reader's, and name the field.
#pragma once

#include <array>
#include <tuple>
#include <variant>

#include "core/json/reader.h"
#include "core/json/value.h"

namespace ordeal::json {

template <typename Owner, typename Member, bool kRequired>
struct Field {
  std::string_view key;
  Member Owner::*member;
};
template <typename Owner, typename Member>
constexpr Field<Owner, Member, true> must(std::string_view key, Member Owner::*member) {
  return {key, member};
}
template <typename Owner, typename Member>
constexpr Field<Owner, Member, false> may(std::string_view key, Member Owner::*member) {
  return {key, member};
}

template <typename T>
struct Shape;
template <typename T>
struct Codec;

template <typename T>
constexpr bool kIsOptional = false;
template <typename T>
constexpr bool kIsOptional<std::optional<T>> = true;
template <>
inline constexpr bool kIsOptional<Value> = true;

template <typename T>
void write_fields(const T& value, Object& object) {
  auto put = [&]<typename Owner, typename Member, bool kRequired>(const Field<Owner, Member, kRequired>& field) {
    if constexpr (!kRequired)
      if (value.*field.member == T{}.*field.member) return;
    object[field.key] = Codec<Member>::write(value.*field.member);
  };
  std::apply([&](const auto&... field) { (put(field), ...); }, Shape<T>::kFields);
}

template <typename T, typename Owner, typename Member, bool kRequired>
Result<> read_field(const Reader& reader, const Field<Owner, Member, kRequired>& field, T& value) {
  auto found = TRY(reader.find(field.key));
  if (!found && kRequired && !kIsOptional<Member>) return tl::unexpected(reader.at(field.key).error());
  if (found) value.*field.member = TRY(Codec<Member>::read(*found));
  return {};
}

template <typename T>
Result<> read_fields(const Reader& reader, T& value) {
  Result<> done;
  auto take = [&](const auto& field) { return (done = read_field(reader, field, value)).has_value(); };
  std::apply([&](const auto&... field) { (void)(take(field) && ...); }, Shape<T>::kFields);
  return done;
}

// Of a struct with a Shape; others below and beside their types.
template <typename T>
struct Codec {
  static Value write(const T& value) {
    Object object;
    write_fields(value, object);
    return object;
  }
  static Result<T> read(const Reader& reader) {
    if (!reader.value().is_object()) return reader.expected("an object");
    T value{};
    TRY_VOID(read_fields(reader, value));
    return value;
  }
};

template <>
struct Codec<bool> {
  static Value write(bool value) { return value; }
  static Result<bool> read(const Reader& reader) { return reader.boolean(); }
};
template <>
struct Codec<std::string> {
  static Value write(const std::string& value) { return Value(value); }
  static Result<std::string> read(const Reader& reader) {
    if (!reader.value().is_string()) return reader.expected("text");
    return std::string(reader.value().get_string());
  }
};
template <>
struct Codec<int> {
  static Value write(int value) { return value; }
  static Result<int> read(const Reader& reader) {
    return reader.integer(INT32_MIN, INT32_MAX).map([](int64_t number) { return static_cast<int>(number); });
  }
};
template <>
struct Codec<int64_t> {
  static Value write(int64_t value) { return value; }
  static Result<int64_t> read(const Reader& reader) { return reader.integer(INT64_MIN, INT64_MAX); }
};
template <>
struct Codec<uint64_t> {
  static Value write(uint64_t value) { return value; }
  static Result<uint64_t> read(const Reader& reader) {
    if (const uint64_t* number = reader.value().if_uint64()) return *number;
    return reader.integer(0, INT64_MAX).map([](int64_t number) { return static_cast<uint64_t>(number); });
  }
};
// What is not finite is written as text (json::write).
template <>
struct Codec<double> {
  static Value write(double value) { return value; }
  static Result<double> read(const Reader& reader);
};
// Durations are in milliseconds, instants in nanoseconds of CLOCK_BOOTTIME: "took_ms", "applied_boot_ns".
template <>
struct Codec<Nanos> {
  static Value write(Nanos value) { return to_millis(value); }
  static Result<Nanos> read(const Reader& reader);
};
template <>
struct Codec<BootTime> {
  static Value write(BootTime value) { return value.time_since_epoch().count(); }
  static Result<BootTime> read(const Reader& reader) {
    return reader.integer(0, INT64_MAX).map([](int64_t number) { return BootTime(Nanos(number)); });
  }
};
template <>
struct Codec<Value> {
  static Value write(const Value& value) { return value; }
  static Result<Value> read(const Reader& reader) { return reader.value(); }
};
template <>
struct Codec<Object> {
  static Value write(const Object& value) { return value; }
  static Result<Object> read(const Reader& reader) {
    if (!reader.value().is_object()) return reader.expected("an object");
    return reader.value().get_object();
  }
};

template <typename T>
struct Codec<std::optional<T>> {
  static Value write(const std::optional<T>& value) { return value ? Codec<T>::write(*value) : Value(nullptr); }
  static Result<std::optional<T>> read(const Reader& reader) {
    return Codec<T>::read(reader).map([](T&& value) { return std::optional<T>(std::move(value)); });
  }
};

template <typename T>
struct Codec<std::vector<T>> {
  static Value write(const std::vector<T>& list) {
    Array array;
    for (const T& item : list) array.push_back(Codec<T>::write(item));
    return array;
  }
  static Result<std::vector<T>> read(const Reader& reader) {
    std::vector<T> list;
    for (const Reader& item : TRY(reader.items())) list.push_back(TRY(Codec<T>::read(item)));
    return list;
  }
};

// An enum by its words: `template <> struct Codec<Phase> : Words<Phase, 7> {};` where to_text(Phase) gives each of 7.
template <typename Enum, int kCount>
struct Words {
  static Value write(Enum value) { return Value(to_text(value)); }
  static Result<Enum> read(const Reader& reader) {
    std::vector<std::string_view> words;
    for (int i = 0; i < kCount; ++i) words.emplace_back(to_text(static_cast<Enum>(i)));
    std::string word = TRY(reader.word(words));
    int i = 0;
    while (words[static_cast<size_t>(i)] != word) ++i;
    return static_cast<Enum>(i);
  }
};

// An enum by its number, from 0 to `kLast`.
template <typename Enum, Enum kLast>
struct Numbers {
  static Value write(Enum value) { return static_cast<int>(value); }
  static Result<Enum> read(const Reader& reader) {
    return reader.integer(0, static_cast<int64_t>(kLast)).map([](int64_t number) { return static_cast<Enum>(number); });
  }
};

// A type that has its own to_json() and a function that reads it.
template <typename T, Result<T> (*kRead)(const Value&)>
struct Whole {
  static Value write(const T& value) { return to_json(value); }
  static Result<T> read(const Reader& reader) {
    auto value = kRead(reader.value());
    if (!value) return reader.refuse(value.error().what);
    return value;
  }
};

// A variant of structs with Shapes; which one it is, its name says, which stands beside its fields.
template <typename Variant>
struct Tagged;
template <typename... Ts>
struct Tagged<std::variant<Ts...>> {
  using Variant = std::variant<Ts...>;
  static constexpr std::array<std::string_view, sizeof...(Ts)> kNames{Shape<Ts>::kName...};

  static std::string_view name(const Variant& variant) { return kNames[variant.index()]; }
  static void write(const Variant& variant, Object& object) {
    std::visit([&](const auto& value) { write_fields(value, object); }, variant);
  }
  // Nothing where no alternative has that name.
  static Result<std::optional<Variant>> read(std::string_view name, const Reader& reader) {
    Result<std::optional<Variant>> found = std::nullopt;
    (void)(take<Ts>(name, reader, found) || ...);
    return found;
  }

 private:
  template <typename T>
  static bool take(std::string_view name, const Reader& reader, Result<std::optional<Variant>>& found) {
    if (Shape<T>::kName != name) return false;
    found = Codec<T>::read(reader).map([](T&& value) { return std::optional<Variant>(std::move(value)); });
    return true;
  }
};

}  // namespace ordeal::json
