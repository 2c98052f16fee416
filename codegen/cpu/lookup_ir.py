"""The lookup as LLVM IR: from a method call straight to the function known for its arguments.

`graphc_lookup(self, args, nargs, kwnames)` is a `METH_FASTCALL | METH_KEYWORDS` method, the same
code for every object; what it knows is in the table in the object's slot (see `lookup` for the
layout, in words of 64 bits). Whatever is not known goes to the Python function that the table
names, with the same arguments.
"""

from __future__ import annotations

from graphc.codegen.cpu.target import Features

MOST_KEYS = 32  # of a dictionary that is looked up

_TEMPLATE = """\
target triple = "@triple"

define ptr @graphc_lookup(ptr %self, ptr %args, i64 %nargs, ptr %names) nounwind {
entry:
  %keys = alloca [@most x ptr], align 8
  %values = alloca [@most x ptr], align 8
  %position = alloca i64, align 8
  %key = alloca ptr, align 8
  %value = alloca ptr, align 8
  %slot.p = getelementptr i8, ptr %self, i64 @slot
  %slot = load ptr, ptr %slot.p, align 8
  %table.p = getelementptr i8, ptr %slot, i64 16
  %table = load ptr, ptr %table.p, align 8
  %dict.type.p = getelementptr ptr, ptr %table, i64 1
  %dict.type = load ptr, ptr %dict.type.p, align 8
  %list.type.p = getelementptr ptr, ptr %table, i64 2
  %list.type = load ptr, ptr %list.type.p, align 8
  %tuple.type.p = getelementptr ptr, ptr %table, i64 3
  %tuple.type = load ptr, ptr %tuple.type.p, align 8
  %next.p = getelementptr ptr, ptr %table, i64 4
  %next = load ptr, ptr %next.p, align 8
  %call.p = getelementptr ptr, ptr %table, i64 5
  %call = load ptr, ptr %call.p, align 8
  %keep.p = getelementptr ptr, ptr %table, i64 6
  %keep = load ptr, ptr %keep.p, align 8
  %drop.p = getelementptr ptr, ptr %table, i64 7
  %drop = load ptr, ptr %drop.p, align 8
  %python.p = getelementptr ptr, ptr %table, i64 8
  %python = load ptr, ptr %python.p, align 8
  %none.p = getelementptr ptr, ptr %table, i64 9
  %none = load ptr, ptr %none.p, align 8
  %is.plain = icmp eq ptr %names, null
  %few = sub i64 %nargs, 1
  %is.few = icmp ult i64 %few, 2
  %good = and i1 %is.plain, %is.few
  br i1 %good, label %fetches, label %fallback

; -- what is fetched: one object, or the items of a list or tuple

fetches:
  %fetched = load ptr, ptr %args, align 8
  %type.p = getelementptr i8, ptr %fetched, i64 8
  %type = load ptr, ptr %type.p, align 8
  %is.list = icmp eq ptr %type, %list.type
  %is.tuple = icmp eq ptr %type, %tuple.type
  %is.sequence = or i1 %is.list, %is.tuple
  %kind.list = select i1 %is.list, i64 1, i64 0
  %kind = select i1 %is.tuple, i64 2, i64 %kind.list
  br i1 %is.sequence, label %sequence, label %one
sequence:
  %count.p = getelementptr i8, ptr %fetched, i64 16
  %count = load i64, ptr %count.p, align 8
  %within.p = getelementptr i8, ptr %fetched, i64 24
  %list.items = load ptr, ptr %within.p, align 8
  %items.sequence = select i1 %is.list, ptr %list.items, ptr %within.p
  br label %feeds
one:
  br label %feeds

; -- what is fed: keys and values of a dictionary

feeds:
  %item.count = phi i64 [ %count, %sequence ], [ 1, %one ]
  %items = phi ptr [ %items.sequence, %sequence ], [ %args, %one ]
  %has.feeds = icmp eq i64 %nargs, 2
  br i1 %has.feeds, label %second, label %search
second:
  %fed.p = getelementptr ptr, ptr %args, i64 1
  %fed = load ptr, ptr %fed.p, align 8
  %is.none = icmp eq ptr %fed, %none
  br i1 %is.none, label %search, label %mapping
mapping:
  %fed.type.p = getelementptr i8, ptr %fed, i64 8
  %fed.type = load ptr, ptr %fed.type.p, align 8
  %is.dict = icmp eq ptr %fed.type, %dict.type
  store i64 0, ptr %position, align 8
  br i1 %is.dict, label %pair, label %fallback
pair:
  %pairs = phi i64 [ 0, %mapping ], [ %pairs.next, %pair.keep ]
  %found = call i32 %next(ptr %fed, ptr %position, ptr %key, ptr %value)
  %is.found = icmp ne i32 %found, 0
  br i1 %is.found, label %pair.room, label %search
pair.room:
  %room = icmp ult i64 %pairs, @most
  br i1 %room, label %pair.keep, label %fallback
pair.keep:
  %this.key = load ptr, ptr %key, align 8
  %this.value = load ptr, ptr %value, align 8
  %keys.p = getelementptr ptr, ptr %keys, i64 %pairs
  store ptr %this.key, ptr %keys.p, align 8
  %values.p = getelementptr ptr, ptr %values, i64 %pairs
  store ptr %this.value, ptr %values.p, align 8
  %pairs.next = add i64 %pairs, 1
  br label %pair

; -- the known calls: kind, fetches, keys, function, then the fetches and keys themselves

search:
  %key.count = phi i64 [ 0, %feeds ], [ 0, %second ], [ %pairs, %pair ]
  %known = load i64, ptr %table, align 8
  %first = getelementptr ptr, ptr %table, i64 10
  br label %try
try:
  %n = phi i64 [ 0, %search ], [ %n.next, %try.next ]
  %more = icmp ult i64 %n, %known
  br i1 %more, label %look, label %fallback
look:
  %entry.p = getelementptr ptr, ptr %first, i64 %n
  %entry.at = load ptr, ptr %entry.p, align 8
  %its.kind = load i64, ptr %entry.at, align 8
  %its.items.p = getelementptr i64, ptr %entry.at, i64 1
  %its.items = load i64, ptr %its.items.p, align 8
  %its.keys.p = getelementptr i64, ptr %entry.at, i64 2
  %its.keys = load i64, ptr %its.keys.p, align 8
  %same.kind = icmp eq i64 %its.kind, %kind
  %same.items = icmp eq i64 %its.items, %item.count
  %same.keys = icmp eq i64 %its.keys, %key.count
  %same.1 = and i1 %same.kind, %same.items
  %same = and i1 %same.1, %same.keys
  %objects = getelementptr ptr, ptr %entry.at, i64 4
  br i1 %same, label %item, label %try.next
item:
  %i = phi i64 [ 0, %look ], [ %i.next, %item.one ]
  %item.more = icmp ult i64 %i, %item.count
  br i1 %item.more, label %item.one, label %keys.start
item.one:
  %i.next = add i64 %i, 1
  %item.p = getelementptr ptr, ptr %items, i64 %i
  %this.item = load ptr, ptr %item.p, align 8
  %its.item.p = getelementptr ptr, ptr %objects, i64 %i
  %its.item = load ptr, ptr %its.item.p, align 8
  %same.item = icmp eq ptr %this.item, %its.item
  br i1 %same.item, label %item, label %try.next
keys.start:
  %key.objects = getelementptr ptr, ptr %objects, i64 %item.count
  br label %each.key
each.key:
  %k = phi i64 [ 0, %keys.start ], [ %k.next, %key.one ]
  %key.more = icmp ult i64 %k, %key.count
  br i1 %key.more, label %key.one, label %hit
key.one:
  %k.next = add i64 %k, 1
  %k.p = getelementptr ptr, ptr %keys, i64 %k
  %k.this = load ptr, ptr %k.p, align 8
  %k.its.p = getelementptr ptr, ptr %key.objects, i64 %k
  %k.its = load ptr, ptr %k.its.p, align 8
  %same.key = icmp eq ptr %k.this, %k.its
  br i1 %same.key, label %each.key, label %try.next
try.next:
  %n.next = add i64 %n, 1
  br label %try

; -- the call; what the dictionary lends must outlive what Python code may do to it meanwhile

hit:
  %function.p = getelementptr ptr, ptr %entry.at, i64 3
  %function = load ptr, ptr %function.p, align 8
  call void %keep(ptr %function)
  br label %keep.each
keep.each:
  %a = phi i64 [ 0, %hit ], [ %a.next, %keep.one ]
  %keep.more = icmp ult i64 %a, %key.count
  br i1 %keep.more, label %keep.one, label %go
keep.one:
  %a.next = add i64 %a, 1
  %a.p = getelementptr ptr, ptr %values, i64 %a
  %a.value = load ptr, ptr %a.p, align 8
  call void %keep(ptr %a.value)
  br label %keep.each
go:
  %result = call ptr %call(ptr %function, ptr %values, i64 %key.count, ptr null)
  br label %drop.each
drop.each:
  %b = phi i64 [ 0, %go ], [ %b.next, %drop.one ]
  %drop.more = icmp ult i64 %b, %key.count
  br i1 %drop.more, label %drop.one, label %end
drop.one:
  %b.next = add i64 %b, 1
  %b.p = getelementptr ptr, ptr %values, i64 %b
  %b.value = load ptr, ptr %b.p, align 8
  call void %drop(ptr %b.value)
  br label %drop.each
end:
  call void %drop(ptr %function)
  ret ptr %result

; -- anything else: the Python function, with the object as its first argument

fallback:
  %is.named = icmp ne ptr %names, null
  br i1 %is.named, label %named, label %pass
named:
  %name.count.p = getelementptr i8, ptr %names, i64 16
  %name.count = load i64, ptr %name.count.p, align 8
  br label %pass
pass:
  %name.total = phi i64 [ 0, %fallback ], [ %name.count, %named ]
  %given = add i64 %nargs, %name.total
  %wanted = add i64 %given, 1
  %all = alloca ptr, i64 %wanted, align 8
  store ptr %self, ptr %all, align 8
  %rest = getelementptr ptr, ptr %all, i64 1
  br label %pass.each
pass.each:
  %p = phi i64 [ 0, %pass ], [ %p.next, %pass.one ]
  %pass.more = icmp ult i64 %p, %given
  br i1 %pass.more, label %pass.one, label %python.call
pass.one:
  %p.next = add i64 %p, 1
  %p.from.p = getelementptr ptr, ptr %args, i64 %p
  %p.from = load ptr, ptr %p.from.p, align 8
  %p.to.p = getelementptr ptr, ptr %rest, i64 %p
  store ptr %p.from, ptr %p.to.p, align 8
  br label %pass.each
python.call:
  %positional = add i64 %nargs, 1
  %answer = call ptr %call(ptr %python, ptr %all, i64 %positional, ptr %names)
  ret ptr %answer
}
"""


def lookup_ir(features: Features, slot: int) -> str:
    """The module with the function `graphc_lookup`; the table's slot is `slot` bytes into the
    object.
    """
    text = _TEMPLATE.replace("@triple", features.triple).replace("@slot", str(slot))
    return text.replace("@most", str(MOST_KEYS))
